//! Entry points to the parsers of the gateway, for `fuzz`.

use crate::ops::config::{KeyFiles, Reader, Settings, parse_file, show};

/// Reads a configuration file. Neither the rendered settings nor the errors contain a secret.
pub fn configuration(text: &str) {
    // A configuration can name files; the fuzzer must not read those of the machine.
    if text.contains("file") {
        return;
    }
    let Ok(raw) = parse_file(text, "the file") else { return };
    let key_files = KeyFiles::of(&raw);
    let mut reader = Reader::new(raw);
    let settings = Settings::read(&mut reader, key_files);
    let secrets = settings.auth.access.issuers.iter().flat_map(|issuer| &issuer.secrets);
    let secrets: Vec<String> = secrets.map(|secret| secret.reveal().to_owned()).collect();
    let output = match reader.finish() {
        Ok((in_force, _)) => show(&in_force),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    };
    // A shorter text is not accepted as a secret, and the value of another key may contain the same text.
    let is_unique = |secret: &String| secret.len() >= 16 && text.matches(secret.as_str()).count() == 1;
    let is_shown = |secret: &String| is_unique(secret) && output.contains(secret.as_str());
    assert!(!secrets.iter().any(is_shown), "the output contains a secret");
}
