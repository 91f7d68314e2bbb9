//! Reading typed settings, and gathering every mistake on the way.

use std::collections::BTreeMap;
use std::fmt;

use crate::config::given::GivenValues;
use crate::config::{Given, Setting};

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
    settings: Vec<Setting>,
    mistakes: Vec<Mistake>,
}

const DEFAULT: &str = "default";

impl Reader {
    pub(crate) fn new(given: GivenValues) -> Self {
        Self { given, settings: Vec::new(), mistakes: Vec::new() }
    }

    /// Reads one value; `parse` says what is wrong with a text.
    pub(crate) fn value<T: fmt::Display>(
        &mut self,
        key: &'static str,
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
                    self.mistakes.push(Mistake::new(&place, key, &format!("is {}, but {reason}", quoted(&text))));
                    (default, place)
                }
            },
        };
        self.settings.push(Setting { key, value: value.to_string(), place });
        value
    }

    /// Reads a secret; neither it nor what is wrong with it is ever shown.
    pub(crate) fn secret(&mut self, key: &'static str, check: impl Fn(&str) -> Result<(), String>) -> Option<String> {
        let Some((given, place)) = self.given.remove(key) else {
            self.settings.push(Setting { key, value: String::new(), place: DEFAULT.to_owned() });
            return None;
        };
        self.settings.push(Setting { key, value: "***".to_owned(), place: place.clone() });
        match given {
            Given::List(_) => self.mistakes.push(Mistake::new(&place, key, "must be one value, not a list")),
            Given::Text(text) => match check(&text) {
                Ok(()) => return Some(text),
                Err(reason) => self.mistakes.push(Mistake::new(&place, key, &reason)),
            },
        }
        None
    }

    /// Reads a list of words.
    pub(crate) fn list<T: fmt::Display>(
        &mut self,
        key: &'static str,
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
        self.settings.push(Setting { key, value: words.join(","), place });
        values
    }

    /// Reads a table whose names are secrets and whose values are texts. In the environment it is written
    /// `name=value,name=value`; there a name may have `=` in it, as tokens do, and a value none.
    pub(crate) fn secret_table(&mut self, key: &'static str) -> BTreeMap<String, String> {
        let mut table = BTreeMap::new();
        let mut place = DEFAULT.to_owned();
        if let Some((given, from)) = self.given.remove(key) {
            for pair in given.into_list() {
                match pair.rsplit_once('=') {
                    Some((name, value)) if !name.is_empty() => drop(table.insert(name.to_owned(), value.to_owned())),
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
                    table.insert(name[prefix.len()..].to_owned(), value);
                    place = from;
                }
                Some((Given::List(_), from)) => {
                    self.mistakes.push(Mistake::new(&from, key, "must give each name one value, not a list"));
                }
                None => {}
            }
        }
        let shown = if table.is_empty() { String::new() } else { format!("*** ({} entries)", table.len()) };
        self.settings.push(Setting { key, value: shown, place });
        table
    }

    /// Notes something that is wrong with settings that are right one by one.
    pub(crate) fn mistake(&mut self, key: &'static str, reason: &str) {
        let setting = self.settings.iter().find(|setting| setting.key == key);
        let place = setting.map_or(DEFAULT, |setting| &setting.place).to_owned();
        self.mistakes.push(Mistake::new(&place, key, reason));
    }

    /// Ends the reading: everything that is left over is a mistake.
    pub(crate) fn finish(mut self) -> Result<Vec<Setting>, Vec<Mistake>> {
        for (key, (_, place)) in &self.given {
            let near = self.settings.iter().map(|setting| setting.key).find(|known| is_near(known, key));
            let hint = near.map_or(String::new(), |known| format!(" (did you mean {known}?)"));
            self.mistakes.push(Mistake::new(place, key, &format!("is no setting{hint}")));
        }
        self.mistakes.sort_by(|a, b| (&a.place, &a.key).cmp(&(&b.place, &b.key)));
        if self.mistakes.is_empty() { Ok(self.settings) } else { Err(self.mistakes) }
    }
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
