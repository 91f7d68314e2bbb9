//! Reads typed settings and collects all errors on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use access::Secret;

use crate::ops::config::environment::{visible, words_of};
use crate::ops::config::raw_setting::{BYTE_ORDER_MARK, trimmed};
use crate::ops::config::{RawSetting, RawSettings, Setting};

/// An error in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigError {
    source: String,
    key: String,
    reason: String,
}

impl ConfigError {
    pub(crate) fn new(source: &str, key: &str, reason: &str) -> Self {
        Self { source: source.to_owned(), key: key.to_owned(), reason: reason.to_owned() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.source, self.key, self.reason)
    }
}

/// Reads settings one by one. A setting that is left unread is unknown, which is an error.
pub(crate) struct Reader {
    /// The settings that have not been read yet.
    unread: RawSettings,
    /// Keys whose value is the content of a file, which errors never quote.
    from_files: BTreeSet<String>,
    settings: Vec<Setting>,
    errors: Vec<ConfigError>,
    warnings: Vec<String>,
}

const DEFAULT: &str = "default";

impl Reader {
    pub(crate) fn new(settings: RawSettings) -> Self {
        Self {
            unread: settings,
            from_files: BTreeSet::new(),
            settings: Vec::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Reads a value, without the whitespace around it. The error of `parse` states what the value must be.
    pub(crate) fn value<T: fmt::Display>(
        &mut self,
        key: &str,
        default: T,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        let (value, source) = match self.unread.remove(key) {
            None => (default, DEFAULT.to_owned()),
            Some((RawSetting::List(_), source)) => {
                self.errors.push(ConfigError::new(&source, key, "must be one value, not a list"));
                (default, source)
            }
            Some((RawSetting::Text(text), source)) => match parse_text(&text, parse) {
                Ok(value) => (value, source),
                Err(reason) => {
                    let quoted = if self.from_files.contains(key) { "***".to_owned() } else { quoted(&text) };
                    self.errors.push(ConfigError::new(&source, key, &format!("is {quoted}, but {reason}")));
                    (default, source)
                }
            },
        };
        self.note(key, value.to_string(), source);
        value
    }

    /// Reads secrets of which any is accepted, from the key or, one per line, from the file that `<key>_file` names. An
    /// empty secret counts as unset.
    ///
    /// A secret in the configuration file is taken as it is written there: it may begin or end with a space. Neither
    /// `config show` nor an error quotes it.
    pub(crate) fn secrets(&mut self, key: &str, check: impl Fn(&str) -> Result<(), String>) -> Vec<Secret> {
        self.read_file_of(key);
        let Some((raw, source)) = self.unread.remove(key) else {
            self.note(key, String::new(), DEFAULT.to_owned());
            return Vec::new();
        };
        let secrets = match raw {
            RawSetting::Text(text) if text.is_empty() => Vec::new(),
            RawSetting::Text(text) => vec![text],
            RawSetting::List(list) => list,
        };
        self.note(key, if secrets.is_empty() { String::new() } else { "***".to_owned() }, source.clone());
        for secret in &secrets {
            let checked = check(secret).and_then(|()| check_characters(secret).map_err(|found| format!("has {found}")));
            if let Err(reason) = checked {
                self.errors.push(ConfigError::new(&source, key, &reason));
            }
        }
        secrets.into_iter().map(Secret::new).collect()
    }

    /// Reads the value of a key from the file that `<key>_file` names, if it is set and not empty.
    pub(crate) fn read_file_of(&mut self, key: &str) {
        let file_key = format!("{key}_file");
        let (path, source) = match self.unread.remove(&file_key) {
            None => (String::new(), DEFAULT.to_owned()),
            Some((RawSetting::Text(path), source)) if trimmed(&path).is_empty() => (String::new(), source),
            Some((RawSetting::Text(path), source)) => {
                let path = trimmed(&path).to_owned();
                if self.unread.get(key).is_some_and(|(value, _)| *value != RawSetting::Text(String::new())) {
                    self.errors.push(ConfigError::new(
                        &source,
                        &file_key,
                        &format!("must not be set together with {key}"),
                    ));
                }
                match lines_of(&path) {
                    Ok(mut lines) => {
                        let raw =
                            if lines.len() == 1 { RawSetting::Text(lines.remove(0)) } else { RawSetting::List(lines) };
                        self.unread.insert(key.to_owned(), (raw, path.clone()));
                        self.from_files.insert(key.to_owned());
                    }
                    Err(reason) => {
                        self.errors.push(ConfigError::new(&source, &file_key, &format!("is {path:?}, but {reason}")));
                    }
                }
                (path, source)
            }
            Some((RawSetting::List(_), source)) => {
                self.errors.push(ConfigError::new(&source, &file_key, "must be one value, not a list"));
                (String::new(), source)
            }
        };
        self.note(&file_key, path, source);
    }

    /// Returns the names of the tables under a key: `acme` for `auth.issuers.acme.secret`.
    pub(crate) fn names_below(&self, key: &str) -> BTreeSet<String> {
        let prefix = format!("{key}.");
        let below = self.unread.keys().filter_map(|key| key.strip_prefix(&prefix)?.split_once('.'));
        below.map(|(name, _)| name.to_owned()).collect()
    }

    /// Reads a list of values.
    pub(crate) fn list<T: fmt::Display>(
        &mut self,
        key: &str,
        default: Vec<T>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let (values, source) = match self.unread.remove(key) {
            None => (default, DEFAULT.to_owned()),
            Some((raw, source)) => {
                let mut values = Vec::new();
                for text in raw.into_list() {
                    match parse_text(&text, &parse) {
                        Ok(value) => values.push(value),
                        Err(reason) => {
                            let reason = format!("contains {}, but {reason}", quoted(&text));
                            self.errors.push(ConfigError::new(&source, key, &reason));
                        }
                    }
                }
                (values, source)
            }
        };
        let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
        self.note(key, texts.join(","), source);
        values
    }

    /// Reads a table whose names are secrets and whose values are texts.
    ///
    /// In the environment it is written `name=value,name=value`. There a name may contain `=`, as tokens do, but a value
    /// may not.
    pub(crate) fn secret_table(&mut self, key: &str) -> BTreeMap<Secret, String> {
        self.read_file_of(key);
        let mut table = BTreeMap::new();
        let mut source = DEFAULT.to_owned();
        if let Some((raw, from)) = self.unread.remove(key) {
            for pair in raw.into_list() {
                match pair.rsplit_once('=').map(|(name, value)| (trimmed(name), trimmed(value))) {
                    Some((name, value)) if !name.is_empty() => {
                        if let Err(found) = check_characters(name) {
                            self.errors.push(ConfigError::new(&from, key, &format!("has a name with {found}")));
                        }
                        table.insert(Secret::new(name.to_owned()), value.to_owned());
                    }
                    Some(_) | None => self.errors.push(ConfigError::new(&from, key, "must be name=value pairs")),
                }
            }
            source = from;
        }
        let prefix = format!("{key}.");
        let names: Vec<String> = self.unread.keys().filter(|name| name.starts_with(&prefix)).cloned().collect();
        for name in names {
            match self.unread.remove(&name) {
                Some((RawSetting::Text(value), from)) => {
                    let secret = &name[prefix.len()..];
                    source = hide(&from, secret);
                    table.insert(Secret::new(secret.to_owned()), trimmed(&value).to_owned());
                }
                Some((RawSetting::List(_), from)) => {
                    let from = hide(&from, &name[prefix.len()..]);
                    self.errors.push(ConfigError::new(&from, key, "must have one value for each name, not a list"));
                }
                None => {}
            }
        }
        let rendered = if table.is_empty() { String::new() } else { format!("*** ({} entries)", table.len()) };
        self.note(key, rendered, source);
        table
    }

    /// Records an error that involves more than the value of one setting.
    pub(crate) fn error(&mut self, key: &str, reason: &str) {
        let setting = self.settings.iter().find(|setting| setting.key == key);
        let source = setting.map_or(DEFAULT, |setting| &setting.source).to_owned();
        self.errors.push(ConfigError::new(&source, key, reason));
    }

    /// Records a setting that is valid but may not be meant.
    pub(crate) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// Returns the keys that have been read.
    pub(super) fn known_keys(&self) -> impl Iterator<Item = &str> + Clone {
        self.settings.iter().map(|setting| setting.key.as_str())
    }

    fn note(&mut self, key: &str, value: String, source: String) {
        self.settings.push(Setting { key: key.to_owned(), value, source });
    }

    /// Returns the errors in the settings below a key, as texts.
    pub(crate) fn errors_below(&self, key: &str) -> Vec<String> {
        self.errors.iter().filter(|error| error.key.starts_with(key)).map(ToString::to_string).collect()
    }

    /// Returns the settings in force and the warnings, or all errors. Unread settings are unknown, which is an error.
    pub(crate) fn finish(mut self) -> Result<(Vec<Setting>, Vec<String>), Vec<ConfigError>> {
        for (key, (_, source)) in &self.unread {
            let near = self.settings.iter().map(|setting| &setting.key).find(|known| is_near(known, key));
            let hint = near.map_or(String::new(), |known| format!(" (did you mean {known}?)"));
            // The part after a misspelt name may be a secret.
            let visible = if key.starts_with("auth.") {
                key.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
            } else {
                visible(key).trim_end_matches('…').to_owned()
            };
            let source = hide(source, key.strip_prefix(&visible).unwrap_or_default().trim_start_matches('.'));
            self.errors.push(ConfigError::new(&source, &visible, &format!("is not a known setting{hint}")));
        }
        self.errors.sort_by(|a, b| (&a.source, &a.key).cmp(&(&b.source, &b.key)));
        if self.errors.is_empty() { Ok((self.settings, self.warnings)) } else { Err(self.errors) }
    }
}

/// Reads the non-empty lines of a file.
fn lines_of(path: &str) -> Result<Vec<String>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("it cannot be read: {error}"))?;
    let lines: Vec<String> = text.lines().map(trimmed).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    if lines.is_empty() { Err("it is empty".to_owned()) } else { Ok(lines) }
}

/// Parses a value, without the whitespace around it.
fn parse_text<T>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, String> {
    let text = trimmed(text);
    check_characters(text).map_err(|found| format!("it must not contain {found}"))?;
    parse(text)
}

/// Checks that a text has no invisible character, which no value contains on purpose; the error describes the one found.
fn check_characters(text: &str) -> Result<(), String> {
    match text.chars().find(|letter| letter.is_control() || *letter == BYTE_ORDER_MARK) {
        Some('\n' | '\r') => Err("a line break".to_owned()),
        Some(letter) => Err(format!("the character U+{:04X}", u32::from(letter))),
        None => Ok(()),
    }
}

/// Removes a secret from the name of its source: the name of a variable or a flag can contain it.
fn hide(source: &str, secret: &str) -> String {
    if secret.is_empty() {
        return source.to_owned();
    }
    source.replace(secret, "***").replace(&secret.replace('.', "__").to_uppercase(), "***")
}

/// Quotes a value, unless it may be an address with a password.
fn quoted(text: &str) -> String {
    if text.contains(['@', '?']) { "***".to_owned() } else { format!("{text:?}") }
}

/// Returns whether two keys consist of the same words, have the same last part, or differ in one letter.
fn is_near(known: &str, key: &str) -> bool {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let differing = known.chars().zip(key.chars()).filter(|(a, b)| a != b).count();
    words_of(known) == words_of(key)
        || last(known) == last(key)
        || (known.len().abs_diff(key.len()) <= 1 && differing <= 2)
}
