//! The files and folders that settings name. They are checked with the settings: otherwise a node would fail later.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use net::tls::{TlsCertificate, TlsFiles};

use crate::ops::config::Reader;

/// Reads the path of an optional file, which must be readable.
fn file(reader: &mut Reader, key: &str) -> Option<PathBuf> {
    let path = reader.value(key, String::new(), |text| Ok(text.to_owned()));
    if path.is_empty() {
        return None;
    }
    if let Err(reason) = check_file(path.as_ref()) {
        reader.error(key, &format!("is {path:?}, but {reason}"));
    }
    Some(path.into())
}

/// Reads the path of an optional file with root certificates (PEM).
pub(super) fn ca_file(reader: &mut Reader, key: &str) -> Option<PathBuf> {
    let path = file(reader, key)?;
    if let (Ok(()), Err(reason)) = (check_file(&path), store::tls::client_config(Some(&path)).map(drop)) {
        reader.error(key, &format!("cannot be used: {reason}"));
    }
    Some(path)
}

/// Reads the paths of a certificate and its key, which must be valid and match each other.
pub(super) fn tls_files(reader: &mut Reader, certificate_key: &str, key_key: &str) -> Option<TlsFiles> {
    let files = match (file(reader, certificate_key), file(reader, key_key)) {
        (Some(certificate_file), Some(key_file)) => TlsFiles { certificate_file, key_file },
        (None, None) => return None,
        (Some(_), None) => {
            reader.error(key_key, &format!("is required with {certificate_key}"));
            return None;
        }
        (None, Some(_)) => {
            reader.error(certificate_key, &format!("is required with {key_key}"));
            return None;
        }
    };
    let are_readable = [&files.certificate_file, &files.key_file].iter().all(|path| check_file(path).is_ok());
    if let (true, Err(reason)) = (are_readable, TlsCertificate::load(&files)) {
        let is_of_key = reason.starts_with(&format!("{}: ", files.key_file.display()));
        reader.error(if is_of_key { key_key } else { certificate_key }, &format!("cannot be used: {reason}"));
    }
    Some(files)
}

/// Checks that a file can be read.
fn check_file(path: &Path) -> Result<(), String> {
    let unreadable = |error| format!("it cannot be read: {error}");
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("it is not a file".to_owned());
    }
    File::open(path).map(drop).map_err(unreadable)
}

/// Checks that a path is a folder, or can become one.
pub(super) fn check_folder(path: &Path) -> Result<(), String> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err("it is not a folder".to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => match fs::symlink_metadata(path) {
            Ok(_) => Err("it is a symbolic link to a folder that does not exist".to_owned()),
            Err(_) => Ok(()),
        },
        Err(error) => Err(format!("it cannot be used: {error}")),
    }
}
