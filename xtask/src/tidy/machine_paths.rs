//! Paths that exist on one machine only.

use super::Finding;
use super::tree::Tree;

/// Without slashes, because this file is checked too.
const TOP_FOLDERS: [&str; 3] = ["work", "root", "home"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in &tree.texts {
        for (index, line) in text.lines().enumerate() {
            let found = TOP_FOLDERS.into_iter().find(|folder| contains_path(line, folder));
            findings.extend(found.map(|folder| {
                Finding::error(path, index + 1, format!("a path under /{folder} exists on one machine only"))
            }));
        }
    }
    findings
}

fn contains_path(line: &str, folder: &str) -> bool {
    let start = format!("/{folder}/");
    line.match_indices(&start).any(|(offset, _)| {
        // `a/work/b` is relative, `host/work/b` a part of a URL.
        let is_absolute =
            !line[..offset].ends_with(|letter: char| letter.is_alphanumeric() || "._-~*})>$".contains(letter));
        is_absolute && (folder != "home" || starts_with_user(&line[offset + start.len()..]))
    })
}

fn starts_with_user(path: &str) -> bool {
    path.split_once('/').is_some_and(|(user, _)| {
        !user.is_empty() && user.chars().all(|letter| letter.is_alphanumeric() || "._-".contains(letter))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_paths_of_a_machine_are_found() {
        for (line, folder) in [("see /F/main/a.rs", "work"), ("volume:/F/.cargo", "root"), ("\"/F/ann/a\"", "home")] {
            assert!(contains_path(&line.replace('F', folder), folder), "{line}");
        }
    }

    #[test]
    fn relative_paths_urls_and_routes_pass() {
        for (line, folder) in
            [("a/F/b", "work"), ("https://host.example/F/b", "root"), ("GET /F/index", "home"), ("./F/b", "root")]
        {
            assert!(!contains_path(&line.replace('F', folder), folder), "{line}");
        }
    }

    #[test]
    fn a_finding_names_file_and_line() {
        let text = format!("a\nb /{}/c\n", "root");
        let findings = check(&Tree::of(&[("deploy/unit", &text)]));
        assert_eq!(findings[0].to_string(), "deploy/unit:2: a path under /root exists on one machine only");
    }
}
