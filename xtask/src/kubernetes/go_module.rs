//! Modules of the Go module proxy, and main modules of our own that build programs of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;

use crate::process;

/// Oldest release of Go that builds the programs.
const GO_MIN: (u32, u32) = (1, 26);

/// A module, as the proxy knows it.
pub(super) struct GoModule {
    pub(super) path: &'static str,
    /// Without the `v`.
    pub(super) version: &'static str,
}

impl GoModule {
    pub(super) const fn new(path: &'static str, version: &'static str) -> Self {
        Self { path, version }
    }

    /// Downloads the module and returns the folder of its source.
    pub(super) fn download(&self, folder: &Path) -> Result<PathBuf> {
        let found = self.lookup(folder)?;
        Ok(found["Dir"].as_str().with_context(|| format!("no source of {}", self.path))?.into())
    }

    /// Writes a main module with the requirements of this one into a folder, so that its programs can be built there.
    ///
    /// `go install` refuses modules that replace others, and the folders that Kubernetes' own modules are replaced by
    /// are not part of the module. They are published under the same version, as `v0.<minor>.<patch>`.
    pub(super) fn write_main_module(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        let (manifest, source) = (folder.join("go.mod"), folder.join("doc.go"));
        fs::remove_file(&manifest).ok();
        let downloaded = self.lookup(folder)?;
        let upstream = downloaded["GoMod"].as_str().with_context(|| format!("no go.mod of {}", self.path))?;
        let upstream = process::output(&mut go(&["mod", "edit", "-json", upstream], folder))?;
        let text = self.main_module(&serde_json::from_str(&upstream)?)?;
        fs::write(&manifest, text)?;
        Ok(fs::write(source, "package main\n")?)
    }

    fn main_module(&self, upstream: &Value) -> Result<String> {
        let field = |value: &Value, name: &str| -> Result<String> {
            let text = value[name].as_str();
            Ok(text.with_context(|| format!("the go.mod of {} has no {name}: {value}", self.path))?.to_owned())
        };
        let list = |name: &str| upstream[name].as_array().cloned().unwrap_or_default();
        let mut text = format!("module local/main\n\ngo {}\n", field(upstream, "Go")?);
        for setting in list("GoDebug") {
            text += &format!("godebug {}={}\n", field(&setting, "Key")?, field(&setting, "Value")?);
        }
        text += &format!("require {} v{}\n", self.path, self.version);
        for requirement in list("Require") {
            let (path, mut version) = (field(&requirement, "Path")?, field(&requirement, "Version")?);
            if version == "v0.0.0" {
                version = self.staged_version();
            }
            text += &format!("require {path} {version}\n");
        }
        for replacement in list("Replace") {
            let (old, new) = (field(&replacement["Old"], "Path")?, field(&replacement["New"], "Path")?);
            if new.starts_with("./staging/") {
                text += &format!("replace {old} => {old} {}\n", self.staged_version());
            } else if !new.starts_with('.') {
                text += &format!("replace {old} => {new} {}\n", field(&replacement["New"], "Version")?);
            }
        }
        Ok(text)
    }

    fn staged_version(&self) -> String {
        format!("v0.{}", self.version.split_once('.').map_or(self.version, |(_, rest)| rest))
    }

    fn lookup(&self, folder: &Path) -> Result<Value> {
        fs::create_dir_all(folder)?;
        let name = format!("{}@v{}", self.path, self.version);
        let found = process::output(&mut go(&["mod", "download", "-json", &name], folder))
            .with_context(|| format!("the Go module proxy has no {name}, or cannot be reached"))?;
        Ok(serde_json::from_str(&found)?)
    }
}

/// Returns a `go` command that works in a folder, independent of workspaces and of the user's settings.
pub(super) fn go(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new("go");
    command.args(arguments).current_dir(folder);
    // Statically linked programs run in images that have nothing else.
    command.env("CGO_ENABLED", "0").env("GOWORK", "off").env("GOTOOLCHAIN", "local");
    command.env("GOFLAGS", "-mod=mod -buildvcs=false");
    command
}

/// Fails unless Go is new enough.
pub(super) fn require_go() -> Result<()> {
    let advice = || format!("building Kubernetes needs Go {}.{} or newer: https://go.dev/dl", GO_MIN.0, GO_MIN.1);
    ensure!(process::find("go").is_some(), "`go` is not installed; {}", advice());
    let version = process::output(Command::new("go").args(["env", "GOVERSION"]))?;
    let version = version.trim();
    let found = release(version).ok_or_else(|| anyhow!("`{version}` is not a version of Go; {}", advice()))?;
    ensure!(found >= GO_MIN, "{version} is too old; {}", advice());
    println!("{version}");
    Ok(())
}

fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.strip_prefix("go")?.split(|character: char| !character.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn releases_of_go_are_compared_by_their_numbers() {
        assert_eq!(release("go1.26.8"), Some((1, 26)));
        assert_eq!(release("go1.30rc1"), Some((1, 30)));
        assert_eq!(release("devel"), None);
        assert!(release("go1.9.7") < release("go1.26"));
    }

    #[test]
    fn staged_modules_are_required_at_the_version_of_the_release() {
        let upstream = json!({
            "Go": "1.26.0",
            "GoDebug": [{ "Key": "default", "Value": "go1.26" }],
            "Require": [{ "Path": "k8s.io/api", "Version": "v0.0.0" }, { "Path": "example.org/a", "Version": "v1.2.3" }],
            "Replace": [
                { "Old": { "Path": "k8s.io/api" }, "New": { "Path": "./staging/src/k8s.io/api" } },
                { "Old": { "Path": "example.org/b" }, "New": { "Path": "example.org/fork", "Version": "v1.0.0" } },
                { "Old": { "Path": "example.org/c" }, "New": { "Path": "./local" } },
            ],
        });
        let module = GoModule::new("k8s.io/kubernetes", "1.37.2");
        let expected = "module local/main\n\ngo 1.26.0\ngodebug default=go1.26\nrequire k8s.io/kubernetes v1.37.2\n\
                        require k8s.io/api v0.37.2\nrequire example.org/a v1.2.3\n\
                        replace k8s.io/api => k8s.io/api v0.37.2\nreplace example.org/b => example.org/fork v1.0.0\n";
        assert_eq!(module.main_module(&upstream).unwrap(), expected);
    }

    #[test]
    fn a_go_mod_without_a_version_of_go_is_an_error() {
        let error = GoModule::new("example.org/a", "1.0.0").main_module(&json!({})).unwrap_err().to_string();
        assert!(error.contains("example.org/a has no Go"), "{error}");
    }
}
