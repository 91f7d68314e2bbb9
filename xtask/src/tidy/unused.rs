//! Dependencies that no source line mentions.

use super::finding::Finding;
use super::tree::{RustFile, Tree};
use crate::cargo::{Dependency, Kind, Package};
use crate::source::{is_word, words};

pub(crate) fn check(tree: &Tree, members: &[Package]) -> Vec<Finding> {
    members.iter().flat_map(|package| check_package(tree, package)).collect()
}

fn check_package(tree: &Tree, package: &Package) -> Vec<Finding> {
    let root = package.manifest.trim_end_matches("Cargo.toml");
    let files: Vec<(&str, &RustFile)> =
        tree.rust.iter().filter_map(|file| Some((file.path.strip_prefix(root)?, file))).collect();
    let unused = package.dependencies.iter().filter(|dependency| !package.used.contains(&dependency.name));
    unused
        .filter_map(|dependency| {
            let line = tree.dependency_line(&package.manifest, &dependency.name);
            fault(dependency, &files).map(|message| Finding::error(&package.manifest, line, message))
        })
        .collect()
}

fn fault(dependency: &Dependency, files: &[(&str, &RustFile)]) -> Option<String> {
    let places: Vec<Place> = files.iter().flat_map(|(path, file)| mentions(dependency, path, file)).collect();
    let name = &dependency.name;
    let fits = |place: &Place| match dependency.kind {
        Kind::Normal => *place == Place::Source,
        Kind::Dev => *place != Place::BuildScript,
        Kind::Build => *place == Place::BuildScript,
    };
    if places.iter().any(fits) {
        return None;
    }
    if dependency.kind == Kind::Normal && places.contains(&Place::Test) {
        return Some(format!("only tests use `{name}`: make it a dev-dependency"));
    }
    Some(format!("nothing uses `{name}`; if a macro does, list it in [package.metadata.tidy] used"))
}

#[derive(PartialEq, Eq)]
enum Place {
    Source,
    Test,
    BuildScript,
}

fn mentions(dependency: &Dependency, path: &str, file: &RustFile) -> Vec<Place> {
    let code = file.source.code();
    let places = words(code, &dependency.identifier).filter(|at| is_crate(code, *at, &dependency.identifier));
    places.map(|at| place(path, file, at)).collect()
}

fn place(path: &str, file: &RustFile, at: usize) -> Place {
    match path {
        "build.rs" => Place::BuildScript,
        path if path.starts_with("src/") && !file.is_test(at) => Place::Source,
        _ => Place::Test,
    }
}

/// Whether the word at this place names a crate: `name::`, `name!`, `use name` or
/// `extern crate name`, and no `other::name`.
fn is_crate(code: &str, at: usize, name: &str) -> bool {
    let (before, after) = (&code[..at], &code[at + name.len()..]);
    if let Some(outer) = before.strip_suffix("::")
        && outer.ends_with(|letter| is_word(letter) || letter == '>')
    {
        return false;
    }
    let before = before.trim_end();
    after.starts_with("::") || after.starts_with('!') || before.ends_with("use") || before.ends_with("extern crate")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_name_a_crate_counts() {
        for text in
            ["use b_c::d;", "use b_c as d;", "fn a() { ::b_c::d() }", "b_c!();", "extern crate b_c;", "use {b_c::d};"]
        {
            assert_eq!(of(Kind::Normal, "src/lib.rs", text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_name_that_means_something_else_does_not_count() {
        for text in ["use crate::b_c::d;", "ab_c::d();", "// b_c::d", "a(\"b_c::d\");", "let b_c = 1;"] {
            assert_eq!(of(Kind::Normal, "src/lib.rs", text).len(), 1, "{text}");
        }
    }

    #[test]
    fn each_kind_has_its_own_places() {
        let text = "use b_c::d;";
        assert_eq!(of(Kind::Dev, "tests/it.rs", text), [""; 0]);
        assert_eq!(of(Kind::Dev, "benches/fold.rs", text), [""; 0]);
        assert_eq!(of(Kind::Build, "build.rs", text), [""; 0]);
        assert_eq!(of(Kind::Build, "src/lib.rs", text).len(), 1);
        let misplaced = ["crates/a/Cargo.toml:2: only tests use `b-c`: make it a dev-dependency"];
        assert_eq!(of(Kind::Normal, "tests/it.rs", text), misplaced);
        assert_eq!(of(Kind::Normal, "src/lib.rs", "#[cfg(test)]\nmod tests { use b_c::d; }"), misplaced);
    }

    #[test]
    fn a_listed_dependency_needs_no_mention() {
        let mut package = Package::named("a").needing("b-c", Kind::Normal);
        assert_eq!(check(&Tree::default(), std::slice::from_ref(&package)).len(), 1);
        package.used.push("b-c".to_owned());
        assert_eq!(check(&Tree::default(), &[package]), []);
    }

    fn of(kind: Kind, path: &str, text: &str) -> Vec<String> {
        let path = format!("crates/a/{path}");
        let tree = Tree::of(&[(&path, text), ("crates/a/Cargo.toml", "[dependencies]\nb-c = \"1\"")]);
        let package = Package::named("a").needing("b-c", kind);
        check(&tree, &[package]).iter().map(ToString::to_string).collect()
    }
}
