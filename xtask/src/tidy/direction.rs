//! Which crate of ours may depend on which.

use super::finding::Finding;
use super::tree::Tree;
use crate::cargo::Package;

/// Per crate, what it may depend on. A crate exists to forbid a dependency.
const ALLOWED: [(&str, &[&str]); 11] = [
    ("timers", &[]),
    ("wire", &["timers"]),
    ("engine", &["timers"]),
    ("harness", &[]),
    ("store", &["engine", "harness", "timers"]),
    ("gateway", &["timers", "wire", "engine", "store", "harness"]),
    ("loadgen", &["harness", "wire"]),
    ("baseline-bare", &[]),
    ("benches", &["timers", "wire", "engine", "store", "harness"]),
    ("faults", &["harness"]),
    ("xtask", &[]),
];

pub(crate) fn check(tree: &Tree, members: &[Package]) -> Vec<Finding> {
    members.iter().flat_map(|package| check_package(tree, members, package)).collect()
}

fn check_package(tree: &Tree, members: &[Package], package: &Package) -> Vec<Finding> {
    let Some((name, allowed)) = ALLOWED.iter().find(|(name, _)| *name == package.name) else {
        let message = format!("`{}` has no row in xtask/src/tidy/direction.rs", package.name);
        return vec![Finding::error(&package.manifest, 1, message)];
    };
    let ours = |dependency: &str| members.iter().any(|member| member.name == dependency);
    let dependencies = package.dependencies.iter().map(|dependency| dependency.name.as_str());
    dependencies
        // A crate may depend on itself in tests, to switch on a feature of its own.
        .filter(|dependency| ours(dependency) && dependency != name && !allowed.contains(dependency))
        .map(|dependency| {
            let line = tree.dependency_line(&package.manifest, dependency);
            Finding::error(&package.manifest, line, format!("`{name}` may not depend on `{dependency}`"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::Kind;

    #[test]
    fn a_dependency_against_the_direction_is_found_whatever_its_kind() {
        for kind in [Kind::Normal, Kind::Dev, Kind::Build] {
            assert_eq!(of("engine", "store", kind), ["crates/engine/Cargo.toml:1: `engine` may not depend on `store`"]);
        }
        assert_eq!(of("loadgen", "timers", Kind::Normal).len(), 1);
    }

    #[test]
    fn dependencies_in_the_direction_on_oneself_and_on_others_pass() {
        assert_eq!(of("store", "engine", Kind::Normal), [""; 0]);
        assert_eq!(of("engine", "engine", Kind::Dev), [""; 0]);
        assert_eq!(of("timers", "serde", Kind::Normal), [""; 0]);
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        assert_eq!(of("newcomer", "serde", Kind::Normal).len(), 1);
    }

    fn of(name: &str, dependency: &str, kind: Kind) -> Vec<String> {
        let mut members: Vec<Package> = ALLOWED.iter().map(|(name, _)| Package::named(name)).collect();
        members.retain(|member| member.name != name);
        members.push(Package::named(name).needing(dependency, kind));
        check(&Tree::default(), &members).iter().map(ToString::to_string).collect()
    }
}
