//! Files that the configuration is in, and files that it names.

use std::fs::{self, File, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use harness::{Certificates, binary};

use crate::gateway::configuration::run;

/// A user without rights on most systems.
const NOBODY: u32 = 65534;

/// Runs `tickcast` in a folder, as a user other than root if possible, since root may read every file.
fn run_unprivileged(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    // The path of the binary need not be accessible to the other user.
    let binary = File::open(binary()).unwrap();
    let mut command = Command::new(format!("/proc/self/fd/{}", binary.as_raw_fd()));
    command.args(arguments).current_dir(folder).env("TICKCAST__STORE__URL", "memory://");
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn the_configuration_of_the_composition_is_valid() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/compose/tickcast.toml");
    let (output, text) = run(&["--config", file.to_str().unwrap(), "config", "show"], &[], "");
    assert!(output.status.success(), "{text}");
    for listener in ["public.listen = \"0.0.0.0:4000\"", "internal.listen = \"0.0.0.0:9000\""] {
        assert!(text.contains(listener), "other containers reach the node: {text}");
    }
}

#[test]
fn a_configuration_file_that_cannot_be_read_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tickcast.toml");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let refuses = |reason: &str| {
        for arguments in [&["config", "check"][..], &["config", "show"], &["serve"], &[]] {
            let (code, text) = run_unprivileged(folder.path(), arguments);
            assert_eq!(code, Some(78), "{arguments:?}: {text}");
            let path = format!("{}: the file ", file.display());
            assert!(text.contains(&path) && text.contains(reason), "{arguments:?}: {text}");
        }
    };
    fs::create_dir(&file).unwrap();
    refuses("cannot be read: Is a directory");
    fs::remove_dir(&file).unwrap();
    symlink("/nowhere/tickcast.toml", &file).unwrap();
    refuses("is a symbolic link to a file that does not exist");
    fs::remove_file(&file).unwrap();
    symlink(&file, &file).unwrap();
    refuses("cannot be read: Too many levels of symbolic links");
    fs::remove_file(&file).unwrap();
    fs::write(&file, "[auth]\nmodes = [\"jwt\"]\n").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(if is_root(&file) { 0o600 } else { 0 })).unwrap();
    refuses("cannot be read: Permission denied");
    fs::remove_file(&file).unwrap();
    fs::write(&file, b"# caf\xe9\n").unwrap();
    refuses("is not valid UTF-8");
    fs::remove_file(&file).unwrap();
    let (code, text) = run_unprivileged(folder.path(), &["config", "check"]);
    assert_eq!(code, Some(0), "a file that does not exist is no error: {text}");
}

fn is_root(file: &Path) -> bool {
    fs::metadata(file).unwrap().uid() == 0
}

#[test]
fn every_file_that_a_setting_names_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (missing, not_pem, directory) = (path("missing"), path("not-pem"), path("directory"));
    fs::write(&not_pem, "nonsense").unwrap();
    fs::create_dir(&directory).unwrap();
    for key in [
        "TICKCAST__STORE__CA_FILE",
        "TICKCAST__AUTH__JWT__JWKS_CA_FILE",
        "TICKCAST__AUTH__JWT__PUBLIC_KEY_FILES",
        "TICKCAST__AUTH__EXPRESS_SESSION__CA_FILE",
        "TICKCAST__AUTH__ISSUERS__ACME__JWKS_CA_FILE",
        "TICKCAST__PUBLIC__TLS__CERTIFICATE_FILE",
        "TICKCAST__PUBLIC__TLS__KEY_FILE",
        "TICKCAST__STORE__URL_FILE",
        "TICKCAST__AUTH__JWT__SECRET_FILE",
    ] {
        for file in [&missing, &directory] {
            let (output, text) = run(&["config", "check"], &[(key, file)], "");
            let dotted = key.trim_start_matches("TICKCAST__").replace("__", ".").to_lowercase();
            let line = text.lines().find(|line| line.contains(&format!("{dotted} ")) && line.contains(file.as_str()));
            assert!(output.status.code() == Some(78) && line.is_some(), "{key}: {text}");
        }
        if key.ends_with("CA_FILE") {
            let (output, text) = run(&["config", "check"], &[(key, &not_pem)], "");
            assert!(output.status.code() == Some(78) && text.contains("no certificate"), "{key}: {text}");
        }
    }
}

#[test]
fn a_certificate_and_its_key_must_be_usable_and_match() {
    let (certificates, others) = (Certificates::make(), Certificates::make());
    let not_pem = tempfile::NamedTempFile::new().unwrap();
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let (certificate, key) = (path(&certificates.certificate()), path(&certificates.key()));
    let (other_key, not_pem) = (path(&others.key()), path(not_pem.path()));
    let check = |certificate: &str, key: &str| {
        let files =
            [("TICKCAST__PUBLIC__TLS__CERTIFICATE_FILE", certificate), ("TICKCAST__PUBLIC__TLS__KEY_FILE", key)];
        let (output, text) = run(&["config", "check"], &files, "");
        (output.status.code(), text)
    };
    assert_eq!(check(&certificate, &key).0, Some(0));
    for (certificate, key, expected) in [
        (&certificate, &other_key, "public.tls.key_file cannot be used: "),
        (&certificate, &other_key, "does not match the certificate"),
        (&certificate, &not_pem, "public.tls.key_file cannot be used: "),
        (&certificate, &certificate, "public.tls.key_file cannot be used: "),
        (&not_pem, &key, "public.tls.certificate_file cannot be used: "),
    ] {
        let (code, text) = check(certificate, key);
        assert!(code == Some(78) && text.contains(expected) && text.contains("1 error(s)"), "{expected}: {text}");
    }
}

#[test]
fn the_folder_of_the_embedded_store_must_be_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let link = folder.path().join("link");
    fs::write(&file, "").unwrap();
    symlink("/nowhere/data", &link).unwrap();
    for (path, reason) in [(file.clone(), "not a folder"), (link, "symbolic link"), (file.join("x"), "Not a directory")]
    {
        let url = format!("embedded://{}", path.display());
        let (output, text) = run(&["config", "check"], &[("TICKCAST__STORE__URL", &url)], "");
        assert!(output.status.code() == Some(78) && text.contains("store.url") && text.contains(reason), "{text}");
    }
    let new = format!("embedded://{}", folder.path().join("a/b").display());
    let (output, text) = run(&["config", "check"], &[("TICKCAST__STORE__URL", &new)], "");
    assert!(output.status.success() && !folder.path().join("a").exists(), "{text}");
}
