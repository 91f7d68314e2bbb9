//! Where settings come from: the configuration file, the environment and the command line.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::ops::config::ConfigError;
use crate::ops::config::environment;
use crate::ops::config::raw_setting::{RawSetting, RawSettings, parse_file, trimmed};

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

/// The settings of all sources.
pub(crate) struct RawSources {
    pub(crate) settings: RawSettings,
    /// Variables that begin almost like settings, but are none.
    pub(crate) ignored_variables: Vec<String>,
}

/// Reads all sources. A later source overrides an earlier one.
pub(crate) fn read_sources(sources: &Sources) -> Result<RawSources, Vec<ConfigError>> {
    let (path, is_required) = match &sources.file {
        Some(file) => (file.as_path(), true),
        None => (Path::new(DEFAULT_FILE), false),
    };
    let (mut settings, mut errors) = match read_file(path, is_required) {
        Ok(settings) => (settings, Vec::new()),
        Err(errors) => (RawSettings::new(), errors),
    };
    let ignored_variables = environment::read(std::env::vars_os(), &mut settings, &mut errors);
    for flag in &sources.flags {
        read_flag(flag, &mut settings, &mut errors);
    }
    if errors.is_empty() { Ok(RawSources { settings, ignored_variables }) } else { Err(errors) }
}

/// Reads a configuration file. Only an optional file may be absent: a file that exists may restrict what the defaults
/// permit, so a node that cannot read it must not start without it.
fn read_file(path: &Path, is_required: bool) -> Result<RawSettings, Vec<ConfigError>> {
    let reason = match fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => return parse_file(&text, &path.display().to_string()),
        Ok(Err(_)) => "is not valid UTF-8".to_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => match fs::symlink_metadata(path) {
            Ok(_) => "is a symbolic link to a file that does not exist".to_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound && !is_required => return Ok(RawSettings::new()),
            Err(error) => format!("cannot be read: {error}"),
        },
        Err(error) => format!("cannot be read: {error}"),
    };
    // The operator may not know the working directory.
    let name = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    Err(vec![ConfigError::new(&name.display().to_string(), "the file", &reason)])
}

fn read_flag(flag: &str, settings: &mut RawSettings, errors: &mut Vec<ConfigError>) {
    match flag.split_once('=') {
        Some((key, value)) => {
            let value = RawSetting::Text(trimmed(value).to_owned());
            settings.insert(key.trim().to_owned(), (value, format!("--set {}", key.trim())));
        }
        None => {
            // The rest of a malformed flag may be a secret.
            let key: String =
                flag.chars().take_while(|letter| letter.is_ascii_alphanumeric() || "_.".contains(*letter)).collect();
            errors.push(ConfigError::new("the command line", &format!("--set {key}…"), "must be key=value"));
        }
    }
}
