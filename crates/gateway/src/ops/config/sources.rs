//! Where settings come from: the configuration file, the environment and the command line.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::ops::config::ConfigError;
use crate::ops::config::environment;
use crate::ops::config::raw_setting::{RawSetting, RawSettings, parse_file, trimmed};

/// The files of which the first that exists is read if the command line names none. The second is that of the container
/// image, whose working directory is for data.
const DEFAULT_FILES: [&str; 2] = ["tickcast.toml", "/etc/tickcast/tickcast.toml"];

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
    let file = match &sources.file {
        Some(file) => read_file(file),
        None => read_first_file(DEFAULT_FILES.map(Path::new)),
    };
    let (mut settings, mut errors) = match file {
        Ok(settings) => (settings, Vec::new()),
        Err(errors) => (RawSettings::new(), errors),
    };
    let ignored_variables = environment::read(std::env::vars_os(), &mut settings, &mut errors);
    for flag in &sources.flags {
        read_flag(flag, &mut settings, &mut errors);
    }
    if errors.is_empty() { Ok(RawSources { settings, ignored_variables }) } else { Err(errors) }
}

/// Reads the first file that exists. A file that exists may restrict what the defaults permit, so a node that cannot read it
/// must not start without it.
fn read_first_file<const N: usize>(paths: [&Path; N]) -> Result<RawSettings, Vec<ConfigError>> {
    let exists = |path: &&Path| !fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound);
    paths.into_iter().find(exists).map_or_else(|| Ok(RawSettings::new()), read_file)
}

fn read_file(path: &Path) -> Result<RawSettings, Vec<ConfigError>> {
    let reason = match fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => return parse_file(&text, &path.display().to_string()),
        Ok(Err(_)) => "is not valid UTF-8".to_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound && fs::symlink_metadata(path).is_ok() => {
            "is a symbolic link to a file that does not exist".to_owned()
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_file_that_exists_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let [own, system] = ["own.toml", "system.toml"].map(|name| folder.path().join(name));
        let read = || read_first_file([&own, &system]);
        assert!(read().unwrap().is_empty());
        fs::write(&system, "node.id = \"system\"\n").unwrap();
        assert_eq!(source(&read().unwrap()), system.display().to_string());
        fs::write(&own, "node.id = \"own\"\n").unwrap();
        assert_eq!(source(&read().unwrap()), own.display().to_string());
        fs::write(&own, "node.id = \n").unwrap();
        assert!(read().is_err(), "a faulty file is no absent one");
    }

    fn source(settings: &RawSettings) -> String {
        settings["node.id"].1.clone()
    }
}
