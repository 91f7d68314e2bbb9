//! The settings as the operator wrote them, each with its source.

use std::collections::BTreeMap;
use std::path::PathBuf;

use config::builder::DefaultState;
use config::{Config, ConfigBuilder, Environment, File, FileFormat, Value, ValueKind};

use crate::ops::config::ConfigError;

const PREFIX: &str = "TICKCAST";

/// The file that is read if it exists and the command line names none.
const DEFAULT_FILE: &str = "tickcast.toml";

/// The sources of settings besides the environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    /// The file named on the command line; it must exist.
    pub(crate) file: Option<PathBuf>,
    /// `key=value` pairs of the command line.
    pub(crate) flags: Vec<String>,
}

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
                text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
            }
            Self::List(list) => list,
        }
    }
}

/// The values and their sources by dotted key.
pub(crate) type RawSettings = BTreeMap<String, (RawSetting, String)>;

/// Reads all sources. A later source overrides an earlier one.
pub(crate) fn read_sources(sources: &Sources) -> Result<RawSettings, Vec<ConfigError>> {
    let mut values = RawSettings::new();
    let mut errors = Vec::new();
    let (file, required) = match &sources.file {
        Some(file) => (file.clone(), true),
        None => (PathBuf::from(DEFAULT_FILE), false),
    };
    let file_name = file.display().to_string();
    let in_file = Config::builder().add_source(File::from(file).format(FileFormat::Toml).required(required));
    collect(in_file, &mut values, &mut errors, |_| file_name.clone(), &file_name);
    let environment = Environment::with_prefix(PREFIX).prefix_separator("__").separator("__");
    let variable = |key: &str| format!("{PREFIX}__{}", key.replace('.', "__").to_uppercase());
    collect(Config::builder().add_source(environment), &mut values, &mut errors, variable, "the environment");
    for flag in &sources.flags {
        match flag.split_once('=') {
            Some((key, value)) => {
                let value = RawSetting::Text(value.to_owned());
                values.insert(key.trim().to_owned(), (value, format!("--set {}", key.trim())));
            }
            None => {
                // The rest of a malformed flag may be a secret.
                let key: String = flag
                    .chars()
                    .take_while(|letter| letter.is_ascii_alphanumeric() || "_.".contains(*letter))
                    .collect();
                errors.push(ConfigError::new("the command line", &format!("--set {key}…"), "must be key=value"));
            }
        }
    }
    if errors.is_empty() { Ok(values) } else { Err(errors) }
}

/// Parses the text of a configuration file.
#[cfg(feature = "fuzzing")]
pub(crate) fn parse_file(text: &str) -> Result<RawSettings, Vec<ConfigError>> {
    let (mut values, mut errors) = (RawSettings::new(), Vec::new());
    let source = Config::builder().add_source(File::from_str(text, FileFormat::Toml));
    collect(source, &mut values, &mut errors, |_| "the file".to_owned(), "the file");
    if errors.is_empty() { Ok(values) } else { Err(errors) }
}

fn collect(
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
