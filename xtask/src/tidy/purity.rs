//! IO, threads and clocks in the pure crates. Their `clippy.toml` bans the types, with the maps that have no order.

use super::Finding;
use super::directions::PURE;
use super::rust_file::RustFile;
use super::tree::Tree;

const MODULES: [&str; 3] = ["std::fs", "std::net", "std::thread"];

const WORDS: [&str; 5] = ["::now(", "println!", "eprintln!", "print!", "eprint!"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let is_pure = |file: &&RustFile| PURE.iter().any(|name| file.path.starts_with(&format!("crates/{name}/src/")));
    tree.rust.iter().filter(is_pure).flat_map(check_file).collect()
}

fn check_file(file: &RustFile) -> Vec<Finding> {
    let words = MODULES.into_iter().chain(WORDS);
    let mut found: Vec<(usize, &str)> =
        words.flat_map(|word| file.lines_of(word).map(move |line| (line, word))).collect();
    for (line, path) in &file.imports {
        let is_within =
            |module: &&str| path.strip_prefix(*module).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
        found.extend(MODULES.into_iter().find(is_within).map(|module| (*line, module)));
    }
    found.retain(|(line, _)| !file.is_test(*line));
    let message = |word: &str| format!("a pure crate may not use `{}`", word.trim_matches([':', '(']));
    found.into_iter().map(|(line, word)| Finding::error(&file.path, line, message(word))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impure_code_is_found_outside_of_tests() {
        assert_eq!(of("\nfn a() { println!() }"), ["2: a pure crate may not use `println!`"]);
        assert_eq!(of("fn a() { vec![std::thread::yield_now()] }"), ["1: a pure crate may not use `std::thread`"]);
        assert_eq!(of("fn a() { jiff::Timestamp::now(); }"), ["1: a pure crate may not use `now`"]);
        assert_eq!(of("#[cfg(test)]\nmod tests { use std::fs; }"), [""; 0]);
        assert_eq!(of("// println!\nconst A: &str = \"println!\";"), [""; 0]);
    }

    #[test]
    fn braces_do_not_hide_an_import() {
        assert_eq!(of("use std::{cmp, fs};"), ["1: a pure crate may not use `std::fs`"]);
        assert_eq!(of("use std::{cmp,\n    net as network,\n};"), ["2: a pure crate may not use `std::net`"]);
        assert_eq!(of("use std::fs::read;"), ["1: a pure crate may not use `std::fs`"]);
        assert_eq!(of("use std::{fmt::{self, net}, cmp};\nuse std::time::Duration;"), [""; 0]);
    }

    #[test]
    fn other_crates_may_be_impure() {
        assert_eq!(check(&Tree::of(&[("crates/engine/src/lib.rs", "use std::fs;")])), []);
    }

    fn of(text: &str) -> Vec<String> {
        let mut findings = check(&Tree::of(&[("crates/wire/src/lib.rs", text)]));
        findings.dedup();
        findings.iter().map(|finding| finding.to_string().replace("crates/wire/src/lib.rs:", "")).collect()
    }
}
