//! Names that the project no longer uses, with the standard term that replaces each (`retired_names.txt`).

use super::Finding;
use super::rust_file::Kind;
use super::tree::{Tree, is_script};

const LIST: &str = include_str!("retired_names.txt");

struct RetiredName {
    /// Where the name is retired.
    folders: Vec<&'static str>,
    kind: Kind,
    name: &'static str,
    replacement: &'static str,
}

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    check_list(tree, LIST)
}

fn check_list(tree: &Tree, list: &'static str) -> Vec<Finding> {
    let retired = parse(list);
    let find = |path: &str, kind: Kind, name: &str| retired.iter().find(|entry| entry.matches(path, kind, name));
    let mut findings = Vec::new();
    for path in tree.paths.iter().filter(|path| path.ends_with(".rs") || is_script(path)) {
        let mut parts = path.split('/').map(|part| part.split('.').next().unwrap_or_default());
        let entry = parts.find_map(|part| find(path, Kind::Module, part));
        findings.extend(entry.map(|entry| Finding::error(path, 1, entry.message())));
    }
    for file in &tree.rust {
        for definition in &file.definitions {
            let is_member = matches!(definition.kind, Kind::Field | Kind::Function);
            // Tests have their own helpers.
            if is_member && file.is_test(definition.line) {
                continue;
            }
            let entry = find(&file.path, definition.kind, &definition.name);
            findings.extend(entry.map(|entry| Finding::error(&file.path, definition.line, entry.message())));
        }
    }
    findings
}

impl RetiredName {
    /// A retired type retires the module of that name too, in the singular and in the plural.
    fn matches(&self, path: &str, kind: Kind, name: &str) -> bool {
        let is_name = if self.kind == Kind::Type && kind == Kind::Module {
            let singular = snake_case(self.name);
            name == singular || name.strip_suffix('s') == Some(&singular)
        } else {
            self.kind == kind && self.name == name
        };
        is_name && self.folders.iter().any(|folder| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
    }

    fn message(&self) -> String {
        format!("the name `{}` is retired, use {}", self.name, self.replacement)
    }
}

/// Reads the list. Its format is described at its top.
fn parse(list: &'static str) -> Vec<RetiredName> {
    let mut retired = Vec::new();
    let mut folders = Vec::new();
    let lines = list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    for line in lines {
        if let Some(heading) = line.strip_prefix('[') {
            folders = heading.trim_end_matches(']').split_whitespace().collect();
            continue;
        }
        let (names, replacement) = line.split_once(" -> ").unwrap_or_else(|| panic!("no arrow in `{line}`"));
        let (kinds, name) = names.rsplit_once(' ').unwrap_or(("type", names));
        for kind in kinds.split(' ').map(|word| kind(word).unwrap_or_else(|| panic!("no kind in `{line}`"))) {
            retired.push(RetiredName { folders: folders.clone(), kind, name, replacement });
        }
    }
    retired
}

fn kind(word: &str) -> Option<Kind> {
    let kinds = [
        ("type", Kind::Type),
        ("variant", Kind::Variant),
        ("field", Kind::Field),
        ("fn", Kind::Function),
        ("mod", Kind::Module),
    ];
    kinds.into_iter().find(|(name, _)| *name == word).map(|(_, kind)| kind)
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "# A comment.\n[crates/a crates/b]\nLaneChange -> QueueChange\nfn mod gate -> load_lock\n\
                           field rest -> unknown_fields\nvariant Lose -> Disconnect\n[console]\nmod face -> countdown-view\n";

    #[test]
    fn a_definition_with_a_retired_name_is_found() {
        let expected = ["crates/a/src/lib.rs:2: the name `LaneChange` is retired, use QueueChange"];
        assert_eq!(of("crates/a/src/lib.rs", "\nstruct LaneChange;"), expected);
        for text in
            ["enum LaneChange {}", "fn gate() {}", "impl A { fn gate() {} }", "struct A { rest: u8 }", "mod gate {}"]
        {
            assert_eq!(of("crates/b/src/lib.rs", text).len(), 1, "{text}");
        }
        assert_eq!(of("crates/a/src/lib.rs", "enum A { Lose }").len(), 1);
    }

    #[test]
    fn a_file_with_a_retired_name_is_found() {
        for path in [
            "crates/a/src/gate.rs",
            "crates/a/src/gate/inner.rs",
            "crates/a/src/lane_change.rs",
            "crates/b/tests/lane_changes.rs",
            "console/face.js",
            "console/test/face.test.mjs",
        ] {
            assert_eq!(of(path, "").len(), 1, "{path}");
        }
    }

    #[test]
    fn vague_names_are_found_in_files_and_folders() {
        let found = |path| check(&Tree::of(&[(path, "")])).len();
        for path in
            ["crates/a/src/utils.rs", "console/helpers.mjs", "crates/a/tests/common/net.rs", "xtask/src/misc.rs"]
        {
            assert_eq!(found(path), 1, "{path}");
        }
        for path in ["crates/a/src/uncommon.rs", "faults/src/model.rs", "console/lobby.js"] {
            assert_eq!(found(path), 0, "{path}");
        }
    }

    #[test]
    fn uses_other_kinds_and_other_crates_pass() {
        for text in ["use b::LaneChange;", "fn a(rest: u8) { gate() }", "impl B for A { fn gate() {} }", "struct Lose;"]
        {
            assert_eq!(of("crates/a/src/lib.rs", text), [""; 0], "{text}");
        }
        assert_eq!(of("crates/a/tests/it.rs", "fn gate() {}"), [""; 0]);
        assert_eq!(of("crates/c/src/gate.rs", "struct LaneChange;"), [""; 0]);
        assert_eq!(of("crates/ab/src/gate.rs", "struct LaneChange;"), [""; 0]);
        assert_eq!(of("crates/a/src/gateway.rs", ""), [""; 0]);
    }

    #[test]
    fn the_list_is_readable_and_no_replacement_is_retired() {
        let retired = parse(LIST);
        assert!(!retired.is_empty());
        for entry in &retired {
            for folder in &entry.folders {
                let path = format!("{folder}/lib.rs");
                let is_retired = retired.iter().any(|other| other.matches(&path, entry.kind, entry.replacement));
                assert!(!is_retired, "{}", entry.replacement);
            }
        }
    }

    fn of(path: &str, text: &str) -> Vec<String> {
        check_list(&Tree::of(&[(path, text)]), EXAMPLE).iter().map(ToString::to_string).collect()
    }
}
