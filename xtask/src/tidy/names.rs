//! File names that say nothing.

use super::finding::Finding;
use super::length::is_script;
use super::tree::Tree;

const EMPTY_WORDS: [&str; 5] = ["utils", "helpers", "common", "manager", "misc"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let sources = tree.paths.iter().filter(|path| path.ends_with(".rs") || is_script(path));
    sources.filter_map(|path| fault(path).map(|message| Finding::error(path, 1, message))).collect()
}

fn fault(path: &str) -> Option<String> {
    if path.ends_with("/mod.rs") {
        return Some("write `foo.rs` beside `foo/`, not `mod.rs`".to_owned());
    }
    let parts = path.split('/').map(|part| part.split('.').next().unwrap_or_default());
    let word = parts.into_iter().find(|part| EMPTY_WORDS.contains(part))?;
    Some(format!("`{word}` does not say what is in it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_say_nothing_are_found_in_files_and_folders() {
        for path in ["crates/a/src/utils.rs", "console/helpers.mjs", "crates/a/tests/common/net.rs", "src/hub/mod.rs"] {
            assert!(fault(path).is_some(), "{path}");
        }
    }

    #[test]
    fn names_that_only_contain_such_a_word_pass() {
        for path in ["crates/a/src/uncommon.rs", "src/model.rs", "console/lobby.js"] {
            assert_eq!(fault(path), None, "{path}");
        }
    }
}
