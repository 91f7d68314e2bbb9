//! The pods of a release, as the API server reports them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::{Instant, interval};

use super::tools::ClusterTools;

/// Interval at which a condition of the pods is checked.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pod {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) address: Option<IpAddr>,
    /// The machine.
    pub(crate) host: String,
    pub(crate) is_ready: bool,
    pub(crate) is_terminating: bool,
    pub(crate) image: String,
    pub(crate) restarts: u64,
    /// Why the previous container of the pod ended.
    pub(crate) last_end: Option<String>,
}

/// When a pod was told to end, and when it was gone, in time since the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Termination {
    pub(crate) address: IpAddr,
    pub(crate) from: Duration,
    pub(crate) until: Option<Duration>,
}

/// Follows the pods with a label as long as it exists.
pub(crate) struct PodWatch {
    process: Child,
    history: Arc<Mutex<PodHistory>>,
}

#[derive(Default)]
struct PodHistory {
    pods: BTreeMap<String, Pod>,
    terminations: BTreeMap<String, Termination>,
    /// The smallest number of ready pods since it was reset.
    least_ready: Option<usize>,
}

impl PodWatch {
    /// Starts to follow the pods with a label.
    ///
    /// # Errors
    /// kubectl cannot be started.
    pub(crate) fn start(tools: &ClusterTools, label: &str, started_at: Instant) -> Result<Self> {
        let mut process = Command::new(tools.folder.join("kubectl"))
            .arg(format!("--namespace={}", tools.namespace))
            .args(["get", "pods", "--watch", "--output-watch-events", "--output=json", "--selector", label])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("kubectl follows the pods")?;
        let stdout = process.stdout.take().context("kubectl has no output")?;
        let history = Arc::new(Mutex::new(PodHistory::default()));
        let shared = Arc::clone(&history);
        std::thread::spawn(move || {
            let events = serde_json::Deserializer::from_reader(std::io::BufReader::new(stdout)).into_iter::<Value>();
            for event in events.map_while(Result::ok) {
                shared.lock().apply(&event, started_at.elapsed());
            }
        });
        Ok(Self { process, history })
    }

    /// Returns the pods that exist.
    pub(crate) fn pods(&self) -> Vec<Pod> {
        self.history.lock().pods.values().cloned().collect()
    }

    /// Returns the addresses of the pods that exist, whenever it is called.
    pub(crate) fn addresses(&self) -> impl Fn() -> Vec<IpAddr> + Send + Sync + 'static {
        let history = Arc::clone(&self.history);
        move || history.lock().pods.values().filter_map(|pod| pod.address).collect()
    }

    /// Returns the pods that serve clients.
    pub(crate) fn ready(&self) -> Vec<Pod> {
        self.pods().into_iter().filter(Pod::serves).collect()
    }

    pub(crate) fn terminations(&self) -> Vec<Termination> {
        self.history.lock().terminations.values().copied().collect()
    }

    /// Returns the smallest number of ready pods since this was called last.
    pub(crate) fn take_least_ready(&self) -> usize {
        let mut history = self.history.lock();
        let now = history.pods.values().filter(|pod| pod.serves()).count();
        history.least_ready.replace(now).unwrap_or(now)
    }

    /// Waits until the pods fulfil a condition.
    ///
    /// # Errors
    /// They do not in time; the error has the pods.
    pub(crate) async fn wait_for(
        &self,
        what: &str,
        within: Duration,
        mut is_met: impl FnMut(&[Pod]) -> bool,
    ) -> Result<Vec<Pod>> {
        let end = Instant::now() + within;
        let mut poll = interval(POLL_INTERVAL);
        loop {
            poll.tick().await;
            let pods = self.pods();
            if is_met(&pods) {
                return Ok(pods);
            }
            ensure!(Instant::now() < end, "not within {within:?}: {what}; the pods are {pods:#?}");
        }
    }
}

impl Drop for PodWatch {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Pod {
    /// Reads a pod of the API.
    fn of(object: &Value) -> Self {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
        let container = &object["status"]["containerStatuses"][0];
        Self {
            name: text("/metadata/name").unwrap_or_default(),
            uid: text("/metadata/uid").unwrap_or_default(),
            address: text("/status/podIP").and_then(|address| address.parse().ok()),
            host: text("/spec/nodeName").unwrap_or_default(),
            is_ready: conditions.into_iter().any(|it| it["type"] == "Ready" && it["status"] == "True"),
            is_terminating: object["metadata"]["deletionTimestamp"].is_string(),
            image: text("/spec/containers/0/image").unwrap_or_default(),
            restarts: container["restartCount"].as_u64().unwrap_or_default(),
            last_end: container["lastState"]["terminated"]["reason"].as_str().map(str::to_owned),
        }
    }

    /// Tells whether the Service sends new clients to the pod.
    pub(crate) fn serves(&self) -> bool {
        self.is_ready && !self.is_terminating && self.address.is_some()
    }
}

impl PodHistory {
    fn apply(&mut self, event: &Value, at: Duration) {
        let pod = Pod::of(&event["object"]);
        if pod.is_terminating
            && let Some(address) = pod.address
        {
            self.terminations.entry(pod.name.clone()).or_insert(Termination { address, from: at, until: None });
        }
        if event["type"] == "DELETED" {
            if let Some(termination) = self.terminations.get_mut(&pod.name) {
                termination.until.get_or_insert(at);
            }
            self.pods.remove(&pod.name);
        } else {
            self.pods.insert(pod.name.clone(), pod);
        }
        let ready = self.pods.values().filter(|pod| pod.serves()).count();
        self.least_ready = Some(self.least_ready.map_or(ready, |least| least.min(ready)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_history_of_a_pod_has_its_end() {
        let mut history = PodHistory::default();
        history.apply(&event("ADDED", false, false), at(1));
        history.apply(&event("MODIFIED", true, false), at(2));
        assert!(history.pods["a"].serves());
        history.least_ready = None;
        history.apply(&event("MODIFIED", true, true), at(5));
        assert!(!history.pods["a"].serves());
        history.apply(&event("DELETED", false, true), at(9));
        let address = IpAddr::from([10, 244, 1, 7]);
        let termination = Termination { address, from: at(5), until: Some(at(9)) };
        assert_eq!((history.pods.len(), history.terminations["a"]), (0, termination));
        assert_eq!(history.least_ready, Some(0));
    }

    #[test]
    fn a_pod_is_read() {
        let pod = Pod::of(&event("ADDED", true, false)["object"]);
        let expected = Pod {
            name: "a".to_owned(),
            uid: "u".to_owned(),
            address: Some(IpAddr::from([10, 244, 1, 7])),
            host: "n1".to_owned(),
            is_ready: true,
            is_terminating: false,
            image: "localhost/tickcast:current".to_owned(),
            restarts: 1,
            last_end: Some("OOMKilled".to_owned()),
        };
        assert_eq!(pod, expected);
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn event(kind: &str, is_ready: bool, is_terminating: bool) -> Value {
        let mut object = json!({
            "metadata": { "name": "a", "uid": "u" },
            "spec": { "nodeName": "n1", "containers": [{ "image": "localhost/tickcast:current" }] },
            "status": {
                "podIP": "10.244.1.7",
                "conditions": [{ "type": "Ready", "status": if is_ready { "True" } else { "False" } }],
                "containerStatuses": [{ "restartCount": 1, "lastState": { "terminated": { "reason": "OOMKilled" } } }],
            },
        });
        if is_terminating {
            object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        json!({ "type": kind, "object": object })
    }
}
