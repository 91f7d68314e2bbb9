//! Types of one crate with the same name: a name has one meaning within a crate.

use std::collections::BTreeMap;

use super::Finding;
use super::rust_file::{Definition, Kind, RustFile};
use super::tree::Tree;
use crate::workspace::Package;

pub(super) fn check(tree: &Tree, members: &[Package]) -> Vec<Finding> {
    let mut first: BTreeMap<(&str, &str), (&RustFile, &Definition)> = BTreeMap::new();
    let mut findings = Vec::new();
    for file in &tree.rust {
        let Some(target) = target(&file.path, members) else { continue };
        for definition in file.definitions.iter().filter(|definition| is_checked(file, definition)) {
            let name = definition.name.as_str();
            let (other_file, other) = first.entry((target, name)).or_insert((file, definition));
            // One module can define a type twice only for different `cfg`s.
            if (&other_file.path, &other.module) != (&file.path, &definition.module) {
                let message = format!("the crate has a type `{name}` already, at {}:{}", other_file.path, other.line);
                findings.push(Finding::error(&file.path, definition.line, message));
            }
        }
    }
    findings
}

fn is_checked(file: &RustFile, definition: &Definition) -> bool {
    definition.kind == Kind::Type && definition.is_module_level && !file.is_test(definition.line)
}

/// Returns the part of a path that is the same for all files of a crate: `<package>/src`, or the root file of another
/// target. The library and the binary of a package count as one crate.
fn target<'p>(path: &'p str, members: &[Package]) -> Option<&'p str> {
    let is_in = |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    let folders = members.iter().map(|package| package.folder.as_str()).filter(|folder| is_in(folder));
    let package = folders.map(|folder| folder.len() + 1).max()?;
    let rest = &path[package..];
    let depth = if rest.starts_with("src/") && !rest.starts_with("src/bin/") { 1 } else { 2 };
    let end = rest.match_indices('/').map(|(offset, _)| offset).nth(depth - 1);
    Some(end.map_or(path, |end| &path[..package + end]).trim_end_matches(".rs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_types_with_one_name_in_one_crate_are_found() {
        let one = ("crates/a/src/b.rs", "struct Name;");
        let expected = ["crates/a/src/c.rs:2: the crate has a type `Name` already, at crates/a/src/b.rs:1"];
        for kind in ["struct Name;", "enum Name {}", "trait Name {}", "type Name = u8;", "union Name { a: u8 }"] {
            assert_eq!(of(&[one, ("crates/a/src/c.rs", &format!("\npub(crate) {kind}"))]), expected, "{kind}");
        }
        assert_eq!(of(&[("crates/a/src/lib.rs", "struct Name; mod inner { struct Name; }")]).len(), 1);
        assert_eq!(of(&[one, ("crates/a/src/c.rs", "enum Name {}"), ("crates/a/src/d.rs", "enum Name {}")]).len(), 2);
    }

    #[test]
    fn types_of_different_crates_pass() {
        assert_eq!(of(&[("crates/a/src/lib.rs", "struct Name;"), ("crates/b/src/lib.rs", "struct Name;")]), [""; 0]);
        assert_eq!(of(&[("crates/a/benches/b.rs", "struct Name;"), ("crates/a/src/lib.rs", "struct Name;")]), [""; 0]);
        assert_eq!(of(&[("crates/a/examples/b.rs", "struct A;"), ("crates/a/examples/c.rs", "struct A;")]), [""; 0]);
    }

    #[test]
    fn types_in_tests_and_functions_and_for_another_cfg_pass() {
        let one = ("crates/a/src/b.rs", "struct Name;");
        for text in [
            "#[cfg(test)] mod tests { struct Name; }",
            "#[cfg(test)] struct Name;",
            "fn a() { struct Name; }",
            "use b::Name; enum Other { Name } fn Name() {}",
        ] {
            assert_eq!(of(&[one, ("crates/a/src/c.rs", text)]), [""; 0], "{text}");
        }
        assert_eq!(of(&[one, ("crates/a/tests/c.rs", "struct Name;")]), [""; 0]);
        assert_eq!(of(&[("crates/a/src/b.rs", "#[cfg(unix)] struct A; #[cfg(windows)] struct A;")]), [""; 0]);
    }

    fn of(files: &[(&str, &str)]) -> Vec<String> {
        let members = [Package::new("a", &[]), Package::new("b", &[])];
        check(&Tree::of(files), &members).iter().map(ToString::to_string).collect()
    }
}
