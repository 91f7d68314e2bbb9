//! Tests that do not run, and tests that sleep.

use super::Finding;
use super::rust_file::{RustFile, words};
use super::tree::{Tree, is_script};

/// Code that disables a test of Node but lets it pass.
const SKIPS: [&str; 3] = [".skip(", ".todo(", "skip:"];

/// Comment that permits a sleep on its line; a reason must follow.
const ALLOW: &str = "// tidy: allow";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let rust = tree.rust.iter().flat_map(|file| check_rust(file, tree.text(&file.path)));
    let is_test = |path: &str| path.contains("/test/") || path.contains("/tests/") || path.contains(".test.");
    let scripts = tree.texts.iter().filter(|(path, _)| is_script(path) && is_test(path));
    rust.chain(scripts.flat_map(|(path, text)| check_script(path, text))).collect()
}

fn check_rust(file: &RustFile, text: &str) -> Vec<Finding> {
    let code = file.code.as_str();
    let mut found: Vec<(usize, String)> = Vec::new();
    let attributes = ["#[ignore", "#[cfg_attr("].into_iter().flat_map(|start| code.match_indices(start));
    let is_ignore = |attribute: &str| words(attribute.split(']').next().unwrap_or_default(), "ignore").count() > 0;
    let ignored = attributes.map(|(offset, _)| offset).filter(|offset| is_ignore(&code[*offset..]));
    found.extend(ignored.map(|offset| (file.line(offset), "an ignored test does not run".to_owned())));
    let lines: Vec<&str> = text.lines().collect();
    for offset in words(code, "sleep(").filter(|offset| is_call(code, *offset)) {
        let line = file.line(offset);
        if !file.is_test(line) {
            continue;
        }
        if code[..offset].ends_with("thread::") {
            found.push((line, "a test must wait for a condition instead of sleeping".to_owned()));
        } else if !is_permitted(lines[line - 1]) {
            let message = format!(
                "a test must wait for a condition or move the clock; if neither is possible, add `{ALLOW}: <reason>`"
            );
            found.push((line, message));
        }
    }
    found.into_iter().map(|(line, message)| Finding::error(&file.path, line, message)).collect()
}

/// Distinguishes `time::sleep(…)` and `sleep(…)` from a method or a definition of that name.
fn is_call(code: &str, offset: usize) -> bool {
    !code[..offset].ends_with('.') && !code[..offset].trim_end().ends_with("fn")
}

fn is_permitted(line: &str) -> bool {
    let reason = line.split_once(ALLOW).map(|(_, reason)| reason);
    reason.is_some_and(|reason| reason.chars().any(char::is_alphanumeric))
}

fn check_script(path: &str, text: &str) -> Vec<Finding> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    lines
        .filter_map(|(index, line)| {
            let skip = SKIPS.into_iter().find(|skip| words(line, skip).next().is_some())?;
            Some(Finding::error(path, index + 1, format!("`{skip}` disables a test")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_test_is_found() {
        let expected = ["tests/it.rs:1: an ignored test does not run"];
        assert_eq!(of("tests/it.rs", "#[ignore = \"slow\"] fn a() {}"), expected);
        assert_eq!(of("tests/it.rs", "#[cfg_attr(windows, ignore)] fn a() {}"), expected);
        assert_eq!(of("tests/it.rs", "#[cfg_attr(windows, allow(dead_code))] fn a() {}"), [""; 0]);
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
        assert_eq!(of("tests/it.rs", "fn a() { select! { _ = time::sleep(b) => {} } }").len(), 1);
        assert_eq!(of("tests/it.rs", "fn a() { sleep(b).await; } // tidy: allow").len(), 1);
        assert_eq!(of("tests/it.rs", "fn a() { time::sleep(b).await; } // tidy: allow: the step of a poll"), [""; 0]);
        assert_eq!(of("src/lib.rs", "#[cfg(test)]\nmod tests { fn a() { sleep(b); } }").len(), 1);
    }

    #[test]
    fn no_reason_permits_a_test_to_block_its_thread() {
        assert_eq!(of("tests/it.rs", "fn a() { std::thread::sleep(b); } // tidy: allow: why").len(), 1);
    }

    #[test]
    fn other_sleeps_pass() {
        assert_eq!(of("src/lib.rs", "fn a() { time::sleep(b).await; }"), [""; 0]);
        assert_eq!(of("tests/it.rs", "fn sleep(b: u8) {}\nfn a() { clock.sleep(b) }"), [""; 0]);
    }

    fn of(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of(&[(path, text)])).iter().map(ToString::to_string).collect()
    }
}
