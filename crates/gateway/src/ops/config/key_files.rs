//! The files that hold the secrets, keys and static tokens of authentication, to be read again when they change.

use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;

use access::AuthSettings;

use crate::ops::config::raw_setting::trimmed;
use crate::ops::config::settings::read_auth;
use crate::ops::config::{RawSetting, RawSettings, Reader};

/// The ends of the keys that name such files.
const KEYS: [&str; 3] = [".secret_file", ".public_key_files", "auth.tokens_file"];

/// The files with secrets, keys and static tokens, and the settings as they were written.
#[derive(Clone)]
pub(crate) struct KeyFiles {
    files: Vec<PathBuf>,
    written: RawSettings,
}

impl KeyFiles {
    pub(crate) fn of(written: &RawSettings) -> Self {
        let named =
            written.iter().filter(|(key, _)| key.starts_with("auth.") && KEYS.iter().any(|end| key.ends_with(end)));
        let files = named.flat_map(|(key, (setting, _))| match setting.clone() {
            RawSetting::Text(path) if !key.ends_with("_files") => vec![trimmed(&path).to_owned()],
            setting @ (RawSetting::Text(_) | RawSetting::List(_)) => setting.into_list(),
        });
        let files = files.filter(|file| !file.is_empty()).map(PathBuf::from);
        Self { files: files.collect(), written: written.clone() }
    }

    /// Returns whether there are any.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Returns the contents of the files, to be compared.
    ///
    /// # Errors
    /// The file that cannot be read.
    pub(crate) fn contents(&self) -> Result<Vec<Vec<u8>>, String> {
        let named = |file: &PathBuf, error: io::Error| format!("{}: {error}", file.display());
        self.files.iter().map(|file| fs::read(file).map_err(|error| named(file, error))).collect()
    }

    /// Reads the settings of authentication again, with the present contents of the files.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn read(&self) -> Result<AuthSettings, String> {
        let mut reader = Reader::new(self.written.clone());
        let auth = read_auth(&mut reader);
        let errors = reader.errors_below("auth.");
        if errors.is_empty() { Ok(auth.access) } else { Err(errors.join("; ")) }
    }
}

impl fmt::Debug for KeyFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFiles").field("files", &self.files).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::config::{Sources, load};

    #[test]
    fn the_keys_are_read_from_the_files_as_they_are_now() {
        let folder = tempfile::tempdir().unwrap();
        let (secret, tokens) = (folder.path().join("secret"), folder.path().join("tokens"));
        fs::write(&secret, "the first secret of sixteen bytes").unwrap();
        fs::write(&tokens, "a-token=ann\n").unwrap();
        let flags = [
            format!("auth.issuers.acme.secret_file={}", secret.display()),
            format!("auth.tokens_file={}", tokens.display()),
            "auth.modes=jwt".to_owned(),
            "store.url=memory://".to_owned(),
        ];
        let settings = load(&Sources { file: None, flags: flags.to_vec() }).expect("a valid configuration").settings;
        let files = settings.key_files;
        let secrets = |read: &AuthSettings| read.issuers[0].secrets.iter().map(|it| it.reveal().to_owned()).collect();
        let mut read: Vec<String> = secrets(&files.read().unwrap());
        assert_eq!(read, ["the first secret of sixteen bytes"]);
        assert_eq!(files.contents().unwrap().len(), 2);
        fs::write(&secret, "the second secret of sixteen bytes\nthe first secret of sixteen bytes\n").unwrap();
        read = secrets(&files.read().unwrap());
        assert_eq!(read, ["the second secret of sixteen bytes", "the first secret of sixteen bytes"]);
        fs::write(&tokens, "a-token=ann\nb-token=ben\n").unwrap();
        assert_eq!(files.read().unwrap().tokens.len(), 2);
        fs::write(&secret, "too short").unwrap();
        let error = files.read().unwrap_err();
        assert!(error.contains("auth.issuers.acme.secret") && !error.contains("too short"), "{error}");
        fs::remove_file(&secret).unwrap();
        assert!(files.contents().is_err() && files.read().is_err());
        assert!(!format!("{files:?}").contains("sixteen bytes"));
    }
}
