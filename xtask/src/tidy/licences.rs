//! Licences of everything in the lock file, for every platform.

use super::finding::Finding;
use super::spdx;
use super::tree::Tree;
use crate::cargo::Package;

/// Licences that ask for no more than to be passed on.
const ALLOWED: [&str; 16] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "OpenSSL",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
];

/// Packages that declare no licence expression, and why we may use them.
const WITHOUT_EXPRESSION: [(&str, &str); 0] = [];

pub(crate) fn check(tree: &Tree, packages: &[Package]) -> Vec<Finding> {
    packages
        .iter()
        .filter_map(|package| {
            let message = fault(package)?;
            Some(Finding::error("Cargo.lock", tree.lock_line(&package.name, &package.version), message))
        })
        .collect()
}

fn fault(package: &Package) -> Option<String> {
    let name = &package.name;
    let Some(licence) = &package.licence else {
        let excused = WITHOUT_EXPRESSION.iter().any(|(excused, _)| excused == name);
        return (!excused).then(|| format!("`{name}` declares no licence"));
    };
    match spdx::is_satisfied(licence, &ALLOWED) {
        Ok(true) => None,
        Ok(false) => Some(format!("the licence of `{name}` is not on our list: {licence}")),
        Err(error) => Some(format!("the licence of `{name}` cannot be read: {licence}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_licences_pass() {
        assert_eq!(of(Some("MIT OR Apache-2.0")), [""; 0]);
        assert_eq!(of(Some("MPL-2.0")), ["Cargo.lock:1: the licence of `a` is not on our list: MPL-2.0"]);
        assert_eq!(of(Some("MIT or ISC")).len(), 1);
    }

    #[test]
    fn a_package_without_licence_fails() {
        assert_eq!(of(None), ["Cargo.lock:1: `a` declares no licence"]);
    }

    fn of(licence: Option<&str>) -> Vec<String> {
        let package = Package { licence: licence.map(str::to_owned), ..Package::named("a") };
        check(&Tree::default(), &[package]).iter().map(ToString::to_string).collect()
    }
}
