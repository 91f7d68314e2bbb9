//! Unfinished code, tests that do not run, and tests that sleep.

use super::finding::Finding;
use super::length::is_script;
use super::tree::{RustFile, Tree};
use crate::source::words;

const UNFINISHED: [&str; 3] = ["todo!(", "unimplemented!(", "dbg!("];

/// What keeps a test of Node from running, yet lets it pass.
const SKIPS: [&str; 3] = [".skip(", ".todo(", "skip:"];

/// Excuses a sleep on its own line, with a reason behind it.
const ALLOW: &str = "// tidy: allow";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.rust {
        let lines: Vec<&str> = tree.text(&file.path).lines().collect();
        findings.extend(check_rust(file, &lines));
    }
    for (path, text) in &tree.texts {
        if is_script(path) && is_script_test(path) {
            findings.extend(check_script(path, text));
        }
    }
    findings
}

fn check_rust(file: &RustFile, lines: &[&str]) -> Vec<Finding> {
    let code = file.source.code();
    let mut found: Vec<(usize, String)> = Vec::new();
    for word in UNFINISHED {
        let message = format!("`{}` is a leftover", word.trim_end_matches('('));
        found.extend(words(code, word).map(|at| (at, message.clone())));
    }
    let ignored = code.match_indices("#[ignore").map(|(at, _)| at);
    let conditional = code.match_indices("#[cfg_attr(").map(|(at, _)| at);
    let conditional =
        conditional.filter(|at| words(code[*at..].split(']').next().unwrap_or_default(), "ignore").count() > 0);
    found.extend(ignored.chain(conditional).map(|at| (at, "an ignored test does not run".to_owned())));
    for at in words(code, "sleep(").filter(|at| file.is_test(*at) && is_call(code, *at)) {
        let excused = is_excused(lines[file.source.line(at) - 1]);
        if code[..at].ends_with("thread::") {
            found.push((at, "a test waits for a condition, it does not sleep".to_owned()));
        } else if !excused {
            found.push((
                at,
                format!("a test waits for a condition or moves the clock; if neither can be, `{ALLOW}: <reason>`"),
            ));
        }
    }
    found.into_iter().map(|(at, message)| Finding::error(&file.path, file.source.line(at), message)).collect()
}

/// Tells `time::sleep(…)` and `sleep(…)` from a method or a definition of that name.
fn is_call(code: &str, at: usize) -> bool {
    !code[..at].ends_with('.') && !code[..at].trim_end().ends_with("fn")
}

fn is_excused(line: &str) -> bool {
    let reason = line.split_once(ALLOW).map(|(_, reason)| reason);
    reason.is_some_and(|reason| reason.chars().any(char::is_alphanumeric))
}

fn is_script_test(path: &str) -> bool {
    path.contains("/test/") || path.contains("/tests/") || path.contains(".test.")
}

fn check_script(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("//") {
            continue;
        }
        let skip = SKIPS.into_iter().find(|skip| words(line, skip).next().is_some());
        findings
            .extend(skip.map(|skip| Finding::error(path, index + 1, format!("`{skip}` keeps a test from running"))));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_code_is_found_but_not_in_text() {
        assert_eq!(of("src/lib.rs", "fn a() { todo!() }"), ["src/lib.rs:1: `todo!` is a leftover"]);
        assert_eq!(of("src/lib.rs", "\nfn a() { dbg!(1); unimplemented!(); }").len(), 2);
        assert_eq!(of("src/lib.rs", "// todo!()\nconst A: &str = \"todo!()\"; fn b() { my_todo!() }"), [""; 0]);
    }

    #[test]
    fn an_ignored_test_is_found() {
        let expected = ["tests/it.rs:1: an ignored test does not run"];
        assert_eq!(of("tests/it.rs", "#[ignore = \"slow\"]"), expected);
        assert_eq!(of("tests/it.rs", "#[cfg_attr(windows, ignore)]"), expected);
        assert_eq!(of("tests/it.rs", "#[cfg_attr(windows, allow(dead_code))]"), [""; 0]);
    }

    #[test]
    fn a_skipped_test_of_a_script_is_found() {
        assert_eq!(of("console/test/a.mjs", "test.skip('b')").len(), 1);
        assert_eq!(of("console/test/a.mjs", "test('b', { skip: !browser }, c)").len(), 1);
        assert_eq!(of("console/test/a.mjs", "// test.skip('b')\nskipped()"), [""; 0]);
        assert_eq!(of("console/page.js", "list.skip(1)"), [""; 0]);
    }

    #[test]
    fn a_test_that_sleeps_needs_a_reason() {
        assert_eq!(of("tests/it.rs", "fn a() { time::sleep(b).await; }").len(), 1);
        assert_eq!(of("tests/it.rs", "fn a() { sleep(b).await; } // tidy: allow").len(), 1);
        assert_eq!(of("tests/it.rs", "fn a() { time::sleep(b).await; } // tidy: allow: the step of a poll"), [""; 0]);
        assert_eq!(of("src/lib.rs", "#[cfg(test)]\nmod tests { fn a() { sleep(b); } }").len(), 1);
    }

    #[test]
    fn a_test_that_blocks_its_thread_has_no_excuse() {
        assert_eq!(of("tests/it.rs", "fn a() { std::thread::sleep(b); } // tidy: allow: why").len(), 1);
    }

    #[test]
    fn other_sleeps_are_fine() {
        assert_eq!(of("src/lib.rs", "fn a() { time::sleep(b).await; }"), [""; 0]);
        assert_eq!(of("tests/it.rs", "fn sleep(b: u8) {}\nfn a() { clock.sleep(b) }"), [""; 0]);
    }

    fn of(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of(&[(path, text)])).iter().map(ToString::to_string).collect()
    }
}
