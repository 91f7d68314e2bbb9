//! Files and functions that are too long. Only lines of code count, tests do not.

use super::finding::Finding;
use super::tree::{RustFile, Tree};

struct Limit {
    warn: usize,
    fail: usize,
}

const RUST: Limit = Limit { warn: 400, fail: 600 };
const SCRIPT: Limit = Limit { warn: 300, fail: 400 };
const FUNCTION: usize = 70;

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.rust {
        if !file.test_only {
            findings.extend(judge(&file.path, file.source.length(), &RUST));
        }
        findings.extend(long_functions(file));
    }
    for (path, text) in &tree.texts {
        if path.starts_with("console/") && is_script(path) {
            findings.extend(judge(path, script_length(text), &SCRIPT));
        }
    }
    findings
}

pub(super) fn is_script(path: &str) -> bool {
    [".js", ".mjs", ".cjs"].iter().any(|ending| path.ends_with(ending))
}

fn judge(path: &str, length: usize, limit: &Limit) -> Option<Finding> {
    let Limit { warn, fail } = *limit;
    if length > fail {
        return Some(Finding::error(path, 1, format!("{length} lines of code, at most {fail} are allowed")));
    }
    (length > warn).then(|| Finding::warning(path, 1, format!("{length} lines of code, {fail} are the limit")))
}

fn long_functions(file: &RustFile) -> impl Iterator<Item = Finding> {
    file.source.functions().into_iter().filter_map(|function| {
        let length = file.source.length_of(&function.range);
        if length <= FUNCTION || file.is_test(function.range.start) {
            return None;
        }
        let line = file.source.line(function.range.start);
        let message = format!("`{}` has {length} lines of code, at most {FUNCTION} are allowed", function.name);
        Some(Finding::error(&file.path, line, message))
    })
}

fn script_length(text: &str) -> usize {
    let lines = text.lines().map(str::trim_start);
    lines.filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_warns_above_400_lines_and_fails_above_600() {
        assert_eq!(of("src/lib.rs", &lines(400)), [""; 0]);
        assert_eq!(of("src/lib.rs", &lines(401)), ["src/lib.rs:1: warning: 401 lines of code, 600 are the limit"]);
        assert_eq!(of("src/lib.rs", &lines(600)), ["src/lib.rs:1: warning: 600 lines of code, 600 are the limit"]);
        assert_eq!(of("src/lib.rs", &lines(601)), ["src/lib.rs:1: 601 lines of code, at most 600 are allowed"]);
    }

    #[test]
    fn a_script_of_the_console_warns_above_300_lines_and_fails_above_400() {
        let script = |count| "// why\n\nlet a;\n".repeat(count);
        assert_eq!(of("console/page.js", &script(300)), [""; 0]);
        assert_eq!(
            of("console/page.js", &script(301)),
            ["console/page.js:1: warning: 301 lines of code, 400 are the limit"]
        );
        assert_eq!(
            of("console/page.js", &script(401)),
            ["console/page.js:1: 401 lines of code, at most 400 are allowed"]
        );
    }

    #[test]
    fn a_function_fails_above_70_lines_from_its_name_to_its_brace() {
        let function = |lines| format!("\nfn long() {{\n// why\n\n{}}}\n", "a();\n".repeat(lines));
        assert_eq!(of("src/lib.rs", &function(68)), [""; 0]);
        assert_eq!(
            of("src/lib.rs", &function(69)),
            ["src/lib.rs:2: `long` has 71 lines of code, at most 70 are allowed"]
        );
    }

    #[test]
    fn tests_may_be_as_long_as_they_need() {
        let function = format!("fn long() {{\n{}}}\n", "a();\n".repeat(700));
        assert_eq!(of("tests/it.rs", &function), [""; 0]);
        assert_eq!(of("src/lib.rs", &format!("#[cfg(test)]\nmod tests {{\n{function}}}\n")), [""; 0]);
        assert_eq!(of("src/lib.rs", &function).len(), 2);
        assert_eq!(of("src/lib.rs", &format!("#[cfg(test)]\nmod sim;\n{function}")).len(), 2);
    }

    fn of(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of(&[(path, text)])).iter().map(ToString::to_string).collect()
    }

    fn lines(count: usize) -> String {
        "use a;\n".repeat(count)
    }
}
