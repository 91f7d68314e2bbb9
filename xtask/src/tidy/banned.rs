//! Crates that the lock file may not name: their advisories have no fix.

use super::finding::Finding;
use super::tree::Tree;

const BANNED: [(&str, &str); 18] = [
    ("ansi_term", "unmaintained, RUSTSEC-2021-0139"),
    ("atty", "unaligned read, RUSTSEC-2021-0145; `std::io::IsTerminal` does the same"),
    ("bincode", "unmaintained, RUSTSEC-2025-0141"),
    ("derivative", "unmaintained, RUSTSEC-2024-0388"),
    ("dotenv", "unmaintained, RUSTSEC-2021-0141"),
    ("failure", "unsound, RUSTSEC-2019-0036; use thiserror"),
    ("fxhash", "unmaintained, RUSTSEC-2025-0057; use rustc-hash"),
    ("instant", "unmaintained, RUSTSEC-2024-0384"),
    ("mach", "unmaintained, RUSTSEC-2020-0168"),
    ("net2", "unmaintained, RUSTSEC-2020-0016; use socket2"),
    ("proc-macro-error", "unmaintained, RUSTSEC-2024-0370"),
    ("proc-macro-error2", "unmaintained, RUSTSEC-2026-0173"),
    ("rsa", "its timing gives the private key away, RUSTSEC-2023-0071"),
    ("rustls-pemfile", "unmaintained, RUSTSEC-2025-0134; rustls-pki-types reads PEM"),
    ("serde_cbor", "unmaintained, RUSTSEC-2021-0127"),
    ("tempdir", "unmaintained, RUSTSEC-2018-0017; use tempfile"),
    ("users", "unaligned read, RUSTSEC-2023-0059"),
    ("yaml-rust", "unmaintained, RUSTSEC-2024-0320"),
];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let lines = tree.text("Cargo.lock").lines().enumerate();
    lines
        .filter_map(|(index, line)| {
            let name = line.strip_prefix("name = \"")?.strip_suffix('"')?;
            let (_, reason) = BANNED.iter().find(|(banned, _)| *banned == name)?;
            Some(Finding::error("Cargo.lock", index + 1, format!("`{name}` is banned: {reason}")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banned_crate_is_found_with_its_reason() {
        let lock = "[[package]]\nname = \"rsa\"\nversion = \"0.9.0\"\ndependencies = [\n \"atty\",\n]\n";
        let findings = check(&Tree::of(&[("Cargo.lock", lock)]));
        assert_eq!(findings.len(), 1);
        let shown = findings[0].to_string();
        assert!(shown.starts_with("Cargo.lock:2: `rsa` is banned") && shown.ends_with("RUSTSEC-2023-0071"), "{shown}");
    }
}
