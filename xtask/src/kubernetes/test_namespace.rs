//! A namespace for one installation, which admits only pods of the standard `restricted` of Pod Security.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::folders::{Folders, text};
use super::interrupt::Interrupt;
use super::kubectl::Kubectl;
use crate::process;
use crate::workspace::Workspace;

/// Name of the release in each namespace.
pub(super) const RELEASE: &str = "tickcast";

/// Pods of Tickcast itself.
pub(super) const NODE_LABELS: &str = "app.kubernetes.io/name=tickcast,app.kubernetes.io/component=node";

/// Exit codes of curl without a connection: it was refused, or there was no answer.
pub(super) const BLOCKED: [u8; 2] = [7, 28];

/// Limit of `helm`, which waits until all pods are ready.
const HELM_TIMEOUT: &str = "--timeout=180s";

/// Limit for the removal of a namespace: nodes close their clients for up to 35 s.
const DELETE_TIMEOUT: &str = "--timeout=120s";

/// Parts of the cluster and of the tree that checks use.
pub(super) struct Environment<'a> {
    pub(super) folders: &'a Folders,
    pub(super) interrupt: &'a Interrupt,
    pub(super) root: PathBuf,
    clients: Kubectl,
}

impl<'a> Environment<'a> {
    pub(super) fn new(workspace: &Workspace, folders: &'a Folders, interrupt: &'a Interrupt) -> Self {
        Self { folders, interrupt, root: workspace.root.clone(), clients: Kubectl::new(folders) }
    }

    /// Runs a check in a new namespace, and removes the namespace. A failed check leaves a description in the output.
    pub(super) fn in_namespace(&self, name: &str, check: impl FnOnce(&TestNamespace<'_>) -> Result<()>) -> Result<()> {
        let namespace = TestNamespace { name: name.to_owned(), environment: self };
        self.clients.kubectl(&["create", "namespace", name])?;
        let label = "pod-security.kubernetes.io/enforce=restricted";
        self.clients.kubectl(&["label", "namespace", name, label, "pod-security.kubernetes.io/warn=restricted"])?;
        let outcome = namespace.apply("manifests/credentials.yaml").and_then(|()| check(&namespace));
        // An interrupted run ends the whole cluster.
        self.interrupt.check()?;
        if outcome.is_err() {
            println!("{}", namespace.describe());
        }
        let deleted = self.clients.kubectl(&["delete", "namespace", name, "--wait=true", DELETE_TIMEOUT]);
        outcome.and(deleted.map(drop))
    }
}

/// A namespace with the Secrets of `manifests/credentials.yaml`.
pub(super) struct TestNamespace<'a> {
    pub(super) name: String,
    pub(super) environment: &'a Environment<'a>,
}

impl TestNamespace<'_> {
    pub(super) fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.environment.clients.kubectl(&[&["--namespace", &self.name], arguments].concat())
    }

    pub(super) fn get(&self, arguments: &[&str]) -> Result<Value> {
        self.environment.clients.get(&[&["--namespace", &self.name], arguments].concat())
    }

    /// Returns the objects of a list.
    pub(super) fn list(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        Ok(self.get(arguments)?["items"].as_array().cloned().unwrap_or_default())
    }

    /// Applies a file of `deploy/test/kubernetes`.
    pub(super) fn apply(&self, file: &str) -> Result<()> {
        let file = self.environment.folders.sources.join(file);
        self.kubectl(&["apply", "--filename", text(&file)?]).map(drop)
    }

    pub(super) fn wait_for_rollout(&self, object: &str) -> Result<()> {
        self.environment.clients.wait_for_rollout(&self.name, object, 180)
    }

    /// Starts the Redis with a password that the Secret `redis` names.
    pub(super) fn start_redis(&self) -> Result<()> {
        self.apply("manifests/redis.yaml")?;
        self.wait_for_rollout("statefulset/redis")
    }

    /// Starts the pod `client`, from which [`Self::request`] asks.
    pub(super) fn start_client(&self) -> Result<()> {
        self.apply("manifests/client.yaml")?;
        self.kubectl(&["wait", "--for=condition=Ready", "pod/client", "--timeout=60s"]).map(drop)
    }

    /// Installs or upgrades the chart with files of `deploy/test/kubernetes/values`, and waits until it is ready.
    pub(super) fn install(&self, values: &[&str], settings: &[&str]) -> Result<()> {
        let chart = self.environment.root.join("helm/tickcast");
        let mut arguments = vec!["upgrade", "--install", RELEASE, text(&chart)?, "--wait", HELM_TIMEOUT];
        let files = self.value_files(values)?;
        for file in &files {
            arguments.extend(["--values", file]);
        }
        for setting in settings {
            arguments.extend(["--set", setting]);
        }
        // The server warns of pods that a stricter namespace would refuse, and of fields that it does not know.
        let printed = self.helm(&arguments)?;
        let warning = printed.lines().find(|line| line.contains("arning"));
        ensure!(warning.is_none(), "the API server warns of the chart: {}", warning.unwrap_or_default());
        Ok(())
    }

    pub(super) fn value_files(&self, values: &[&str]) -> Result<Vec<String>> {
        let folder = self.environment.folders.sources.join("values");
        let path = |name: &&str| Ok(text(&folder.join(format!("{name}.yaml")))?.to_owned());
        ["common"].iter().chain(values).map(path).collect()
    }

    /// Runs helm and returns all that it prints.
    pub(super) fn helm(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(self.environment.folders.cluster.join("helm"));
        process::outputs(command.args(["--namespace", &self.name]).args(arguments))
    }

    /// Returns the running pods of Tickcast.
    pub(super) fn nodes(&self) -> Result<Vec<Value>> {
        let mut pods = self.list(&["pods", "--selector", NODE_LABELS])?;
        pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        Ok(pods)
    }

    /// Makes a request from the pod `client`.
    pub(super) fn request(&self, arguments: &[&str]) -> Result<Response> {
        self.request_from("client", arguments)
    }

    pub(super) fn request_from(&self, pod: &str, arguments: &[&str]) -> Result<Response> {
        let curl = ["exec", pod, "--", "sh", "-c", Response::SCRIPT, "curl"];
        Response::parse(&self.kubectl(&[&curl, arguments].concat())?)
    }

    /// Returns what a failed check looks at first.
    fn describe(&self) -> String {
        let parts: [&[&str]; 4] = [
            &["get", "all,persistentvolumeclaims,horizontalpodautoscalers,networkpolicies", "--output=wide"],
            &["get", "events", "--sort-by=.lastTimestamp"],
            &["logs", "--selector", "app.kubernetes.io/name=tickcast", "--all-containers", "--prefix", "--tail=15"],
            &["describe", "horizontalpodautoscalers"],
        ];
        let describe = |part: &&[&str]| self.kubectl(part).unwrap_or_else(|error| format!("{error:#}\n"));
        parts.iter().map(describe).collect::<Vec<_>>().join("\n")
    }
}

/// The answer to a request, or the lack of one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Response {
    /// Exit code of curl.
    pub(super) curl: u8,
    pub(super) status: u16,
    pub(super) body: String,
}

impl Response {
    /// Prints the body, and on a last line the status and curl's exit code. The limit is above the second
    /// after which TCP repeats its first packet.
    const SCRIPT: &'static str = "curl --silent --max-time 4 --write-out '\\n%{http_code} ' \"$@\"; echo $?";

    fn parse(printed: &str) -> Result<Self> {
        let parse = || {
            let (body, last) = printed.trim_end().rsplit_once('\n')?;
            let (status, curl) = last.split_once(' ')?;
            Some(Self { curl: curl.parse().ok()?, status: status.parse().ok()?, body: body.to_owned() })
        };
        parse().with_context(|| format!("`curl` printed `{printed}`"))
    }

    /// Returns the body of an answer with this status.
    pub(super) fn require(self, status: u16) -> Result<String> {
        ensure!(self.status == status, "instead of {status}: {self:?}");
        Ok(self.body)
    }

    /// Fails unless no connection was possible: a policy drops packets or rejects them.
    pub(super) fn require_blocked(self) -> Result<()> {
        ensure!(BLOCKED.contains(&self.curl), "instead of a refused connection: {self:?}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_an_answer_is_its_status() {
        let answer = Response::parse("{\"a\":\n1}\n200 0\n").unwrap();
        assert_eq!(answer, Response { curl: 0, status: 200, body: "{\"a\":\n1}".to_owned() });
        assert_eq!(answer.require(200).unwrap(), "{\"a\":\n1}");
        let timeout = Response::parse("\n000 28\n").unwrap();
        assert!(timeout.require_blocked().is_ok());
        assert!(Response::parse("\n000 7\n").unwrap().require_blocked().is_ok());
        assert!(Response::parse("\n000 6\n").unwrap().require_blocked().is_err(), "an unknown name proves nothing");
        assert!(Response::parse("\n503 0\n").unwrap().require_blocked().is_err());
        assert!(Response::parse("").is_err());
    }
}
