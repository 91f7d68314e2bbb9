//! The length of files in lines of code, without tests. Clippy limits the length of functions (`clippy.toml`).

use super::Finding;
use super::tree::{Tree, is_script};

struct Limit {
    warn: usize,
    fail: usize,
}

const RUST: Limit = Limit { warn: 400, fail: 600 };
const SCRIPT: Limit = Limit { warn: 300, fail: 400 };

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let rust = tree.rust.iter().filter_map(|file| exceeds(&file.path, file.length(), &RUST));
    let is_written =
        |path: &str| !["/generated/", "console/lib/"].iter().any(|folder| path.contains(folder)) && is_script(path);
    let is_limited =
        |path: &str| ["console/", "sdk/"].iter().any(|folder| path.starts_with(folder)) && is_written(path);
    let scripts = tree.texts.iter().filter(|(path, _)| is_limited(path));
    let scripts = scripts.filter_map(|(path, text)| exceeds(path, script_length(text), &SCRIPT));
    rust.chain(scripts).collect()
}

fn exceeds(path: &str, length: usize, limit: &Limit) -> Option<Finding> {
    let Limit { warn, fail } = *limit;
    if length > fail {
        return Some(Finding::error(path, 1, format!("{length} lines of code, the limit is {fail}")));
    }
    (length > warn).then(|| Finding::warning(path, 1, format!("{length} lines of code, the limit is {fail}")))
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
        let lines = |count| "use a;\n".repeat(count);
        assert_eq!(of("src/lib.rs", &lines(400)), [""; 0]);
        assert_eq!(of("src/lib.rs", &lines(401)), ["src/lib.rs:1: warning: 401 lines of code, the limit is 600"]);
        assert_eq!(of("src/lib.rs", &lines(600)), ["src/lib.rs:1: warning: 600 lines of code, the limit is 600"]);
        assert_eq!(of("src/lib.rs", &lines(601)), ["src/lib.rs:1: 601 lines of code, the limit is 600"]);
    }

    #[test]
    fn a_script_of_the_console_or_a_library_warns_above_300_lines_and_fails_above_400() {
        let script = |count| "// why\n\nlet a;\n".repeat(count);
        assert_eq!(of("console/page.js", &script(300)), [""; 0]);
        assert_eq!(
            of("console/page.js", &script(301)),
            ["console/page.js:1: warning: 301 lines of code, the limit is 400"]
        );
        assert_eq!(of("console/page.js", &script(401)), ["console/page.js:1: 401 lines of code, the limit is 400"]);
        assert_eq!(of("sdk/client.ts", &script(401)), ["sdk/client.ts:1: 401 lines of code, the limit is 400"]);
        assert_eq!(of("sdk/src/generated/messages.ts", &script(401)), [""; 0]);
        assert_eq!(of("console/lib/plot/plot.esm.js", &script(401)), [""; 0]);
    }

    #[test]
    fn tests_may_have_any_length() {
        let function = format!("fn long() {{\n{}}}\n", "a();\n".repeat(700));
        assert_eq!(of("tests/it.rs", &function), [""; 0]);
        assert_eq!(of("src/lib.rs", &format!("#[cfg(test)]\nmod tests {{\n{function}}}\n")), [""; 0]);
        assert_eq!(of("src/lib.rs", &function).len(), 1);
        assert_eq!(of("src/lib.rs", &format!("#[cfg(test)]\nmod sim;\n{function}")).len(), 1);
    }

    fn of(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of(&[(path, text)])).iter().map(ToString::to_string).collect()
    }
}
