//! What the pure crates may not touch: clocks, IO, threads, randomness, logs and
//! maps without an order.

use super::finding::Finding;
use super::tree::{RustFile, Tree};
use crate::cargo::{Kind, Package};
use crate::source::words;

const PURE: [&str; 2] = ["timers", "wire"];

const DEPENDENCIES: [&str; 7] = ["tokio", "async-trait", "tracing", "log", "rand", "fastrand", "chrono"];

/// Modules and types of `std` that reach outside.
const PATHS: [&str; 5] = ["std::time::SystemTime", "std::time::Instant", "std::fs", "std::net", "std::thread"];

/// The same, however they were imported.
const WORDS: [&str; 9] =
    ["HashMap", "HashSet", "SystemTime", "time::Instant", "::now(", "println!", "eprintln!", "print!", "eprint!"];

pub(crate) fn check(tree: &Tree, members: &[Package]) -> Vec<Finding> {
    let pure = members.iter().filter(|package| PURE.contains(&package.name.as_str()));
    pure.flat_map(|package| {
        let mut findings = check_dependencies(tree, package);
        let source = package.manifest.replace("Cargo.toml", "src/");
        for file in tree.rust.iter().filter(|file| file.path.starts_with(&source)) {
            findings.extend(check_file(file));
        }
        findings
    })
    .collect()
}

fn check_dependencies(tree: &Tree, package: &Package) -> Vec<Finding> {
    let normal = package.dependencies.iter().filter(|dependency| dependency.kind == Kind::Normal);
    normal
        .filter(|dependency| DEPENDENCIES.contains(&dependency.name.as_str()))
        .map(|dependency| {
            let line = tree.dependency_line(&package.manifest, &dependency.name);
            let message = format!("`{}` is pure and may not depend on `{}`", package.name, dependency.name);
            Finding::error(&package.manifest, line, message)
        })
        .collect()
}

fn check_file(file: &RustFile) -> Vec<Finding> {
    let code = file.source.code();
    let mut found: Vec<(usize, &str)> = Vec::new();
    for word in PATHS.into_iter().chain(WORDS) {
        found.extend(words(code, word).map(|at| (at, word)));
    }
    for (at, path) in imports(code) {
        let beneath =
            |outer: &&str| path.strip_prefix(*outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
        found.extend(PATHS.into_iter().find(beneath).map(|outer| (at, outer)));
    }
    found.retain(|(at, _)| !file.is_test(*at));
    let message = |word: &str| format!("`{}` has no place in a pure crate", word.trim_matches([':', '(']));
    found.into_iter().map(|(at, word)| Finding::error(&file.path, file.source.line(at), message(word))).collect()
}

/// Every path that a `use` with braces imports, written out.
fn imports(code: &str) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    for at in words(code, "use std") {
        let start = at + "use ".len();
        let end = code[start..].find(';').map_or(code.len(), |length| start + length);
        let mut prefixes: Vec<String> = Vec::new();
        let mut path = String::new();
        for (offset, letter) in code[start..end].char_indices() {
            match letter {
                '{' => prefixes.push(path.clone()),
                ',' | '}' => {
                    paths.push((start + offset - 1, unaliased(&path)));
                    if letter == '}' {
                        prefixes.pop();
                    }
                    path = prefixes.last().cloned().unwrap_or_default();
                }
                letter => path.push(letter),
            }
        }
    }
    paths
}

fn unaliased(path: &str) -> String {
    let path = path.split(" as ").next().unwrap_or_default();
    path.chars().filter(|letter| !letter.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impure_code_is_found_outside_of_tests() {
        assert_eq!(of("use std::collections::HashMap;"), ["1: `HashMap` has no place in a pure crate"]);
        assert_eq!(of("\nfn a() { println!() }"), ["2: `println!` has no place in a pure crate"]);
        assert_eq!(of("fn a() { std::thread::yield_now() }"), ["1: `std::thread` has no place in a pure crate"]);
        assert_eq!(of("fn a() { jiff::Timestamp::now(); }"), ["1: `now` has no place in a pure crate"]);
        assert_eq!(of("#[cfg(test)]\nmod tests { use std::fs; }"), [""; 0]);
        assert_eq!(of("// HashMap\nconst A: &str = \"HashMap\";"), [""; 0]);
    }

    #[test]
    fn braces_do_not_hide_an_import() {
        assert_eq!(of("use std::{cmp, fs};"), ["1: `std::fs` has no place in a pure crate"]);
        assert_eq!(of("use std::{cmp,\n    net as network,\n};"), ["2: `std::net` has no place in a pure crate"]);
        assert_eq!(of("use std::{\n    fmt::{Debug, Write},\n    time::{Duration, Instant},\n};").len(), 1);
        assert_eq!(of("use std::{fmt::{self, net}, cmp};\nuse std::time::Duration;"), [""; 0]);
    }

    #[test]
    fn a_runtime_is_no_dependency_of_a_pure_crate_except_in_its_tests() {
        assert_eq!(depending(Kind::Normal).len(), 1);
        assert_eq!(depending(Kind::Dev), [""; 0]);
    }

    #[test]
    fn other_crates_may_do_as_they_like() {
        let tree = Tree::of(&[("crates/engine/src/lib.rs", "use std::fs;")]);
        assert_eq!(check(&tree, &[Package::named("engine").needing("tokio", Kind::Normal)]), []);
    }

    fn of(text: &str) -> Vec<String> {
        let tree = Tree::of(&[("crates/wire/src/lib.rs", text)]);
        let mut findings = check(&tree, &[Package::named("wire")]);
        findings.dedup();
        findings.iter().map(|finding| finding.to_string().replace("crates/wire/src/lib.rs:", "")).collect()
    }

    fn depending(kind: Kind) -> Vec<String> {
        let package = Package::named("timers").needing("tokio", kind);
        check(&Tree::default(), &[package]).iter().map(ToString::to_string).collect()
    }
}
