//! kubectl and helm of a cluster, as processes.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// The executables that the folder of a cluster has.
const EXECUTABLES: [&str; 3] = ["kubectl", "helm", "in"];

/// The tools of a cluster, within a namespace.
#[derive(Clone, Debug)]
pub(crate) struct ClusterTools {
    pub(crate) folder: PathBuf,
    pub(crate) namespace: String,
}

impl ClusterTools {
    /// Finds the tools in the folder of a cluster.
    ///
    /// # Errors
    /// The folder lacks one of them: the cluster is not up.
    pub(crate) fn find(folder: &Path, namespace: &str) -> Result<Self> {
        for name in EXECUTABLES {
            let path = folder.join(name);
            ensure!(path.is_file(), "{} does not exist: the folder is not that of a running cluster", path.display());
        }
        Ok(Self { folder: folder.canonicalize()?, namespace: namespace.to_owned() })
    }

    /// Runs kubectl and returns its output.
    ///
    /// # Errors
    /// It fails; the error has its messages.
    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.run("kubectl", arguments, None).await
    }

    /// Returns objects as JSON.
    ///
    /// # Errors
    /// kubectl fails.
    pub(crate) async fn get(&self, arguments: &[&str]) -> Result<Value> {
        let text = self.kubectl(&[&["get"], arguments, &["--output=json"]].concat()).await?;
        serde_json::from_str(&text).with_context(|| format!("kubectl get {}: no JSON", arguments.join(" ")))
    }

    /// Applies objects.
    ///
    /// # Errors
    /// kubectl fails.
    pub(crate) async fn apply(&self, objects: &[Value]) -> Result<()> {
        let list = serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": objects });
        self.run("kubectl", &["apply", "--filename=-"], Some(list.to_string())).await.map(drop)
    }

    /// Runs helm and returns its output.
    ///
    /// # Errors
    /// It fails; the error has its messages.
    pub(crate) async fn helm(&self, arguments: &[&str]) -> Result<String> {
        self.run("helm", arguments, None).await
    }

    async fn run(&self, tool: &'static str, arguments: &[&str], input: Option<String>) -> Result<String> {
        let mut command = Command::new(self.folder.join(tool));
        command.arg(format!("--namespace={}", self.namespace)).args(arguments);
        let line = format!("{tool} {}", arguments.join(" "));
        tokio::task::spawn_blocking(move || output(command, input)).await?.with_context(|| line)
    }
}

/// Runs a command to its end.
fn output(mut command: Command, input: Option<String>) -> Result<String> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.spawn().context("it cannot be started")?;
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        stdin.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    bail!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_tools_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = ClusterTools::find(folder.path(), "x").unwrap_err().to_string();
        assert!(error.contains("kubectl") && error.contains("not that of a running cluster"), "{error}");
    }

    #[test]
    fn a_command_that_fails_tells_why() {
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            command
        };
        assert_eq!(output(shell("cat"), Some("x".to_owned())).unwrap(), "x");
        let error = output(shell("echo denied >&2; exit 3"), None).unwrap_err().to_string();
        assert!(error.contains("denied") && error.contains('3'), "{error}");
    }
}
