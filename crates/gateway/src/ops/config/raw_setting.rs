//! The settings as the operator wrote them, each with its source.

use std::collections::BTreeMap;

use config::builder::DefaultState;
use config::{Config, ConfigBuilder, File, FileFormat, Value, ValueKind};

use crate::ops::config::ConfigError;

/// A byte order mark, which some editors write at the beginning of a file.
pub(super) const BYTE_ORDER_MARK: char = '\u{feff}';

/// The value of a setting before it is parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RawSetting {
    /// A single value, as text.
    Text(String),
    /// A list of values, as texts.
    List(Vec<String>),
}

impl RawSetting {
    /// Returns the value as a list. A text is split at commas, as lists are written in the environment.
    pub(crate) fn into_list(self) -> Vec<String> {
        match self {
            Self::Text(text) => {
                text.split(',').map(|part| trimmed(part).to_owned()).filter(|part| !part.is_empty()).collect()
            }
            Self::List(list) => list,
        }
    }
}

/// The values and their sources by dotted key.
pub(crate) type RawSettings = BTreeMap<String, (RawSetting, String)>;

/// Removes what tools add around a value: line breaks, spaces and a byte order mark.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(|letter: char| letter.is_whitespace() || letter == BYTE_ORDER_MARK)
}

/// Parses the text of a configuration file.
pub(crate) fn parse_file(text: &str, name: &str) -> Result<RawSettings, Vec<ConfigError>> {
    let (mut values, mut errors) = (RawSettings::new(), Vec::new());
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let source = Config::builder().add_source(File::from_str(text, FileFormat::Toml));
    collect(source, &mut values, &mut errors, |_| name.to_owned(), name);
    if errors.is_empty() { Ok(values) } else { Err(errors) }
}

pub(super) fn collect(
    source: ConfigBuilder<DefaultState>,
    values: &mut RawSettings,
    errors: &mut Vec<ConfigError>,
    source_of: impl Fn(&str) -> String,
    source_name: &str,
) {
    match source.build() {
        Ok(config) => flatten("", config.cache, values, errors, &source_of),
        Err(config::ConfigError::FileParse { cause, .. }) => {
            // The parser quotes the line, which may contain a secret.
            let cause = cause.to_string();
            let message: Vec<&str> = cause.lines().map(str::trim).filter(|line| !line.contains('|')).collect();
            errors.push(ConfigError::new(source_name, "the file:", message.join("; ").trim_matches([';', ' '])));
        }
        Err(error) => errors.push(ConfigError::new(source_name, "the source:", error.to_string().trim())),
    }
}

fn flatten(
    path: &str,
    value: Value,
    values: &mut RawSettings,
    errors: &mut Vec<ConfigError>,
    source_of: &impl Fn(&str) -> String,
) {
    match value.kind {
        ValueKind::Nil => {}
        ValueKind::Table(table) => {
            for (name, value) in table {
                let key = if path.is_empty() { name } else { format!("{path}.{name}") };
                flatten(&key, value, values, errors, source_of);
            }
        }
        ValueKind::Array(list) => {
            let texts: Result<Vec<String>, config::ConfigError> = list.into_iter().map(Value::into_string).collect();
            match texts {
                Ok(texts) => drop(values.insert(path.to_owned(), (RawSetting::List(texts), source_of(path)))),
                Err(_) => errors.push(ConfigError::new(&source_of(path), path, "must be a list of strings")),
            }
        }
        kind @ (ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_)
        | ValueKind::String(_)) => {
            values.insert(path.to_owned(), (RawSetting::Text(kind.to_string()), source_of(path)));
        }
    }
}
