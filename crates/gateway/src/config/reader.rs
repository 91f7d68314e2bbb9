//! Reading typed settings, and gathering every mistake on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::config::given::GivenValues;
use crate::config::{Given, Secret, Setting};

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    place: String,
    key: String,
    reason: String,
}

impl Mistake {
    pub(crate) fn new(place: &str, key: &str, reason: &str) -> Self {
        Self { place: place.to_owned(), key: key.to_owned(), reason: reason.to_owned() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.place, self.key, self.reason)
    }
}

/// Hands out settings one by one. What was not asked for in the end is unknown.
pub(crate) struct Reader {
    given: GivenValues,
    /// Keys whose values come from files of their own, and may be anything.
    from_files: BTreeSet<String>,
    settings: Vec<Setting>,
    mistakes: Vec<Mistake>,
}

const DEFAULT: &str = "default";

impl Reader {
    pub(crate) fn new(given: GivenValues) -> Self {
        Self { given, from_files: BTreeSet::new(), settings: Vec::new(), mistakes: Vec::new() }
    }

    /// Reads one value; `parse` says what is wrong with a text.
    pub(crate) fn value<T: fmt::Display>(
        &mut self,
        key: &str,
        default: T,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        let (value, place) = match self.given.remove(key) {
            None => (default, DEFAULT.to_owned()),
            Some((Given::List(_), place)) => {
                self.mistakes.push(Mistake::new(&place, key, "must be one value, not a list"));
                (default, place)
            }
            Some((Given::Text(text), place)) => match parse(&text) {
                Ok(value) => (value, place),
                Err(reason) => {
                    let shown = if self.from_files.contains(key) { "***".to_owned() } else { quoted(&text) };
                    self.mistakes.push(Mistake::new(&place, key, &format!("is {shown}, but {reason}")));
                    (default, place)
                }
            },
        };
        self.note(key, value.to_string(), place);
        value
    }

    /// Reads secrets that are good one as the other, from the key or from the file that `<key>_file` names, one a
    /// line; neither they nor what is wrong with them is ever shown.
    pub(crate) fn secrets(&mut self, key: &str, check: impl Fn(&str) -> Result<(), String>) -> Vec<Secret> {
        self.look_into_file(key);
        let Some((given, place)) = self.given.remove(key) else {
            self.note(key, String::new(), DEFAULT.to_owned());
            return Vec::new();
        };
        self.note(key, "***".to_owned(), place.clone());
        let secrets = match given {
            Given::Text(text) => vec![text],
            Given::List(list) => list,
        };
        for secret in &secrets {
            if let Err(reason) = check(secret) {
                self.mistakes.push(Mistake::new(&place, key, &reason));
            }
        }
        secrets.into_iter().map(Secret::new).collect()
    }

    /// Takes the value of a key from the file that `<key>_file` names, if it names one.
    pub(crate) fn look_into_file(&mut self, key: &str) {
        let file_key = format!("{key}_file");
        let (path, place) = match self.given.remove(&file_key) {
            None => (String::new(), DEFAULT.to_owned()),
            Some((Given::Text(path), place)) => {
                if self.given.contains_key(key) {
                    self.mistakes.push(Mistake::new(&place, &file_key, &format!("is given besides {key}")));
                }
                match lines_of(&path) {
                    Ok(mut lines) => {
                        let given = if lines.len() == 1 { Given::Text(lines.remove(0)) } else { Given::List(lines) };
                        self.given.insert(key.to_owned(), (given, path.clone()));
                        self.from_files.insert(key.to_owned());
                    }
                    Err(reason) => {
                        self.mistakes.push(Mistake::new(&place, &file_key, &format!("is {path:?}, but {reason}")));
                    }
                }
                (path, place)
            }
            Some((Given::List(_), place)) => {
                self.mistakes.push(Mistake::new(&place, &file_key, "must be one value, not a list"));
                (String::new(), place)
            }
        };
        self.note(&file_key, path, place);
    }

    /// Returns the names of the tables below a key: `acme` for `auth.issuers.acme.secret`.
    pub(crate) fn names_below(&self, key: &str) -> BTreeSet<String> {
        let prefix = format!("{key}.");
        let below = self.given.keys().filter_map(|given| given.strip_prefix(&prefix)?.split_once('.'));
        below.map(|(name, _)| name.to_owned()).collect()
    }

    /// Reads a list of words.
    pub(crate) fn list<T: fmt::Display>(
        &mut self,
        key: &str,
        default: Vec<T>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let (values, place) = match self.given.remove(key) {
            None => (default, DEFAULT.to_owned()),
            Some((given, place)) => {
                let mut values = Vec::new();
                for word in given.into_list() {
                    match parse(&word) {
                        Ok(value) => values.push(value),
                        Err(reason) => {
                            let reason = format!("has {}, but {reason}", quoted(&word));
                            self.mistakes.push(Mistake::new(&place, key, &reason));
                        }
                    }
                }
                (values, place)
            }
        };
        let words: Vec<String> = values.iter().map(ToString::to_string).collect();
        self.note(key, words.join(","), place);
        values
    }

    /// Reads a table whose names are secrets and whose values are texts. In the environment it is written
    /// `name=value,name=value`; there a name may have `=` in it, as tokens do, and a value none.
    pub(crate) fn secret_table(&mut self, key: &str) -> BTreeMap<Secret, String> {
        self.look_into_file(key);
        let mut table = BTreeMap::new();
        let mut place = DEFAULT.to_owned();
        if let Some((given, from)) = self.given.remove(key) {
            for pair in given.into_list() {
                match pair.rsplit_once('=') {
                    Some((name, value)) if !name.is_empty() => {
                        table.insert(Secret::new(name.to_owned()), value.to_owned());
                    }
                    Some(_) | None => self.mistakes.push(Mistake::new(&from, key, "must be name=value pairs")),
                }
            }
            place = from;
        }
        let prefix = format!("{key}.");
        let names: Vec<String> = self.given.keys().filter(|name| name.starts_with(&prefix)).cloned().collect();
        for name in names {
            match self.given.remove(&name) {
                Some((Given::Text(value), from)) => {
                    let secret = &name[prefix.len()..];
                    place = hide(&from, secret);
                    table.insert(Secret::new(secret.to_owned()), value);
                }
                Some((Given::List(_), from)) => {
                    let from = hide(&from, &name[prefix.len()..]);
                    self.mistakes.push(Mistake::new(&from, key, "must give each name one value, not a list"));
                }
                None => {}
            }
        }
        let shown = if table.is_empty() { String::new() } else { format!("*** ({} entries)", table.len()) };
        self.note(key, shown, place);
        table
    }

    /// Notes something that is wrong with settings that are right one by one.
    pub(crate) fn mistake(&mut self, key: &str, reason: &str) {
        let setting = self.settings.iter().find(|setting| setting.key == key);
        let place = setting.map_or(DEFAULT, |setting| &setting.place).to_owned();
        self.mistakes.push(Mistake::new(&place, key, reason));
    }

    fn note(&mut self, key: &str, value: String, place: String) {
        self.settings.push(Setting { key: key.to_owned(), value, place });
    }

    /// Ends the reading: everything that is left over is a mistake.
    pub(crate) fn finish(mut self) -> Result<Vec<Setting>, Vec<Mistake>> {
        for (key, (_, place)) in &self.given {
            let near = self.settings.iter().map(|setting| &setting.key).find(|known| is_near(known, key));
            let hint = near.map_or(String::new(), |known| format!(" (did you mean {known}?)"));
            // What stands below a name that is misspelt may be a secret.
            let shown = if key.starts_with("auth.") {
                key.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
            } else {
                key.clone()
            };
            let place = hide(place, key.strip_prefix(&shown).unwrap_or_default().trim_start_matches('.'));
            self.mistakes.push(Mistake::new(&place, &shown, &format!("is no setting{hint}")));
        }
        self.mistakes.sort_by(|a, b| (&a.place, &a.key).cmp(&(&b.place, &b.key)));
        if self.mistakes.is_empty() { Ok(self.settings) } else { Err(self.mistakes) }
    }
}

/// Reads the lines of a file that are not empty.
fn lines_of(path: &str) -> Result<Vec<String>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("it can't be read: {error}"))?;
    let lines: Vec<String> = text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
    if lines.is_empty() { Err("there is nothing in it".to_owned()) } else { Ok(lines) }
}

/// Leaves a secret out of the place that it comes from: the name of a variable, or a flag, may be made of it.
fn hide(place: &str, secret: &str) -> String {
    if secret.is_empty() {
        return place.to_owned();
    }
    place.replace(secret, "***").replace(&secret.replace('.', "__").to_uppercase(), "***")
}

/// Quotes what was given, unless it may be an address with a password in it.
fn quoted(text: &str) -> String {
    if text.contains(['@', '?']) { "***".to_owned() } else { format!("{text:?}") }
}

/// Tells whether two keys have the same last part or differ in one letter.
fn is_near(known: &str, key: &str) -> bool {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let differing = known.chars().zip(key.chars()).filter(|(a, b)| a != b).count();
    last(known) == last(key) || (known.len().abs_diff(key.len()) <= 1 && differing <= 2)
}
