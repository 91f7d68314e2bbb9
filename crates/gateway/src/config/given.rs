//! What the operator gave, value by value, each with the place it came from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use config::builder::DefaultState;
use config::{Config, ConfigBuilder, ConfigError, Environment, File, FileFormat, Value, ValueKind};

use crate::config::Mistake;

const PREFIX: &str = "TICKCAST";

/// Read if it exists and no other file is named.
const DEFAULT_FILE: &str = "tickcast.toml";

/// Where settings are looked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    /// The file named on the command line; it must exist.
    pub(crate) file: Option<PathBuf>,
    /// `key=value` pairs of the command line.
    pub(crate) flags: Vec<String>,
}

/// A value as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// One text; numbers and booleans are texts too.
    Text(String),
    /// Several texts.
    List(Vec<String>),
}

impl Given {
    /// Returns the value as a list; a text is split at its commas, as in the environment.
    pub(crate) fn into_list(self) -> Vec<String> {
        match self {
            Self::Text(text) => {
                text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
            }
            Self::List(list) => list,
        }
    }
}

/// Dotted keys, their values and their places.
pub(crate) type GivenValues = BTreeMap<String, (Given, String)>;

/// Reads all sources, the later over the earlier.
pub(crate) fn read_sources(sources: &Sources) -> Result<GivenValues, Vec<Mistake>> {
    let mut values = GivenValues::new();
    let mut mistakes = Vec::new();
    let (file, required) = match &sources.file {
        Some(file) => (file.clone(), true),
        None => (PathBuf::from(DEFAULT_FILE), false),
    };
    let place = file.display().to_string();
    let in_file = Config::builder().add_source(File::from(file).format(FileFormat::Toml).required(required));
    collect(in_file, &mut values, &mut mistakes, |_| place.clone(), &place);
    let environment = Environment::with_prefix(PREFIX).prefix_separator("__").separator("__");
    let named = |key: &str| format!("{PREFIX}__{}", key.replace('.', "__").to_uppercase());
    collect(Config::builder().add_source(environment), &mut values, &mut mistakes, named, "the environment");
    for flag in &sources.flags {
        match flag.split_once('=') {
            Some((key, value)) => {
                let value = Given::Text(value.to_owned());
                values.insert(key.trim().to_owned(), (value, format!("--set {}", key.trim())));
            }
            None => {
                // It may be a secret that was written otherwise.
                let key: String = flag
                    .chars()
                    .take_while(|letter| letter.is_ascii_alphanumeric() || "_.".contains(*letter))
                    .collect();
                mistakes.push(Mistake::new("the command line", &format!("--set {key}…"), "must be key=value"));
            }
        }
    }
    if mistakes.is_empty() { Ok(values) } else { Err(mistakes) }
}

/// Reads a file's text.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_text(text: &str) -> Result<GivenValues, Vec<Mistake>> {
    let (mut values, mut mistakes) = (GivenValues::new(), Vec::new());
    let source = Config::builder().add_source(File::from_str(text, FileFormat::Toml));
    collect(source, &mut values, &mut mistakes, |_| "the file".to_owned(), "the file");
    if mistakes.is_empty() { Ok(values) } else { Err(mistakes) }
}

fn collect(
    source: ConfigBuilder<DefaultState>,
    values: &mut GivenValues,
    mistakes: &mut Vec<Mistake>,
    place_of: impl Fn(&str) -> String,
    source_name: &str,
) {
    match source.build() {
        Ok(config) => flatten("", config.cache, values, mistakes, &place_of),
        Err(ConfigError::FileParse { cause, .. }) => {
            // The parser quotes the line; it may have a secret in it.
            let cause = cause.to_string();
            let told: Vec<&str> = cause.lines().map(str::trim).filter(|line| !line.contains('|')).collect();
            mistakes.push(Mistake::new(source_name, "the file:", told.join("; ").trim_matches([';', ' '])));
        }
        Err(error) => mistakes.push(Mistake::new(source_name, "it", error.to_string().trim())),
    }
}

fn flatten(
    path: &str,
    value: Value,
    values: &mut GivenValues,
    mistakes: &mut Vec<Mistake>,
    place_of: &impl Fn(&str) -> String,
) {
    match value.kind {
        ValueKind::Nil => {}
        ValueKind::Table(table) => {
            for (name, value) in table {
                let key = if path.is_empty() { name } else { format!("{path}.{name}") };
                flatten(&key, value, values, mistakes, place_of);
            }
        }
        ValueKind::Array(list) => {
            let texts: Result<Vec<String>, ConfigError> = list.into_iter().map(Value::into_string).collect();
            match texts {
                Ok(texts) => drop(values.insert(path.to_owned(), (Given::List(texts), place_of(path)))),
                Err(_) => mistakes.push(Mistake::new(&place_of(path), path, "must be a list of texts")),
            }
        }
        kind @ (ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_)
        | ValueKind::String(_)) => {
            values.insert(path.to_owned(), (Given::Text(kind.to_string()), place_of(path)));
        }
    }
}
