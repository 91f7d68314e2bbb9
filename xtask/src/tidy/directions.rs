//! The permitted dependencies between the crates of the workspace, and of the pure crates on others.

use cargo_metadata::DependencyKind;

use super::Finding;
use super::tree::{Tree, manifest};
use crate::workspace::{Dependency, Package};

/// For each crate, the crates of the workspace that it may depend on. A row may exist before its crate does.
const ALLOWED: [(&str, &[&str]); 19] = [
    ("allocator", &[]),
    ("apidocs", &["wire"]),
    ("timers", &[]),
    ("wire", &["timers"]),
    ("engine", &["timers"]),
    ("harness", &[]),
    ("store", &["engine", "harness", "timers"]),
    ("net", &[]),
    ("access", &["timers"]),
    ("gateway", &["allocator", "timers", "wire", "engine", "store", "net", "access", "harness", "tickcast-client"]),
    ("loadgen", &["harness", "wire"]),
    ("baseline-bare", &[]),
    ("baseline-centrifugo", &[]),
    ("baseline-commit", &[]),
    ("baseline-subscribe", &[]),
    ("benches", &["timers", "wire", "engine", "store", "net", "access", "harness"]),
    ("faults", &["harness", "tickcast-client"]),
    ("tickcast-client", &[]),
    ("xtask", &[]),
];

/// Crates of the workspace that only the tests of a crate may depend on.
const ALLOWED_IN_TESTS: [(&str, &str); 3] = [("engine", "wire"), ("apidocs", "net"), ("tickcast-client", "harness")];

/// Crates without clocks, IO, threads, randomness and logging.
pub(super) const PURE: [&str; 2] = ["timers", "wire"];

/// Crates that a pure crate may use only in its tests.
const IMPURE: [&str; 7] = ["tokio", "async-trait", "tracing", "log", "rand", "fastrand", "chrono"];

pub(super) fn check(tree: &Tree, members: &[Package]) -> Vec<Finding> {
    members.iter().flat_map(|package| check_package(tree, members, package)).collect()
}

fn check_package(tree: &Tree, members: &[Package], package: &Package) -> Vec<Finding> {
    let name = package.name.as_str();
    let Some((_, allowed)) = ALLOWED.iter().find(|(row, _)| *row == name) else {
        return vec![Finding::error(&manifest(package), 1, format!("`{name}` has no row in directions.rs"))];
    };
    let is_member = |name: &str| members.iter().any(|member| member.name == name);
    let is_violation = |dependency: &&Dependency| {
        let other = dependency.name.as_str();
        // A crate may depend on itself in tests, to enable one of its features.
        let is_for_tests = dependency.kind == DependencyKind::Development && ALLOWED_IN_TESTS.contains(&(name, other));
        let is_upward = is_member(other) && other != name && !allowed.contains(&other) && !is_for_tests;
        let is_impure = PURE.contains(&name) && IMPURE.contains(&other);
        is_upward || (is_impure && dependency.kind == DependencyKind::Normal)
    };
    let violations = package.dependencies.iter().filter(is_violation);
    violations
        .map(|dependency| {
            let line = tree.dependency_line(package, &dependency.name);
            let message = format!("`{name}` may not depend on `{}`", dependency.name);
            Finding::error(&manifest(package), line, message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_against_the_direction_is_found_whatever_its_kind() {
        for kind in [DependencyKind::Normal, DependencyKind::Development, DependencyKind::Build] {
            assert_eq!(of("engine", "store", kind), ["crates/engine/Cargo.toml:1: `engine` may not depend on `store`"]);
        }
        assert!(of("engine", "wire", DependencyKind::Development).is_empty());
        assert_eq!(of("engine", "wire", DependencyKind::Normal).len(), 1);
        assert_eq!(of("timers", "wire", DependencyKind::Development).len(), 1);
        for (name, dependency) in [("loadgen", "timers"), ("net", "engine"), ("net", "timers"), ("net", "access")] {
            assert_eq!(of(name, dependency, DependencyKind::Normal).len(), 1, "{name} on {dependency}");
        }
        for dependency in ["net", "engine", "store", "gateway"] {
            assert_eq!(of("access", dependency, DependencyKind::Normal).len(), 1, "access on {dependency}");
        }
    }

    #[test]
    fn dependencies_in_the_direction_on_oneself_and_on_others_pass() {
        assert_eq!(of("store", "engine", DependencyKind::Normal), [""; 0]);
        assert_eq!(of("gateway", "net", DependencyKind::Normal), [""; 0]);
        assert_eq!(of("engine", "engine", DependencyKind::Development), [""; 0]);
        assert_eq!(of("timers", "serde", DependencyKind::Normal), [""; 0]);
    }

    #[test]
    fn a_pure_crate_depends_on_a_runtime_only_in_its_tests() {
        assert_eq!(of("timers", "tokio", DependencyKind::Normal).len(), 1);
        assert_eq!(of("timers", "tokio", DependencyKind::Development), [""; 0]);
        assert_eq!(of("engine", "tokio", DependencyKind::Normal), [""; 0]);
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        assert_eq!(of("newcomer", "serde", DependencyKind::Normal).len(), 1);
    }

    fn of(name: &str, dependency: &str, kind: DependencyKind) -> Vec<String> {
        let mut members: Vec<Package> = ALLOWED.iter().map(|(name, _)| Package::new(name, &[])).collect();
        members.retain(|member| member.name != name);
        members.push(Package::new(name, &[(dependency, kind)]));
        check(&Tree::default(), &members).iter().map(ToString::to_string).collect()
    }
}
