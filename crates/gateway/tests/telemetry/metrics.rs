//! Metrics, and the queries of the deployed alerts and dashboards, run by a real Prometheus.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use harness::http::request;
use harness::{Collector, Node, RedisServer, Running, SocketIo, free_port, program, wait_until};
use serde_json::{Value, json};

fn observability() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/observability")
}

/// Starts two nodes on which every metric has a value.
async fn busy_nodes(redis: &RedisServer) -> [Node; 2] {
    let nodes = [Node::start_over(redis, "a").await, Node::start_over(redis, "b").await];
    let mut clients = Vec::new();
    for node in &nodes {
        let mut client = node.connect("userId=anna-k&dialect=v1").await;
        client.next_of("ready").await;
        clients.push(client);
        let (mut host, _) = SocketIo::host(node.public).await;
        host.must("timer:start", json!(1)).await;
        host.next_of("timer:completed").await;
        assert_eq!(node.get("/api/health").await.status, 200);
    }
    for (nth, client) in clients.iter_mut().enumerate() {
        client.must("session-start", "s", json!({ "sessionId": format!("s{nth}"), "label": "x" })).await;
        client.next_of("tick").await;
    }
    // A beat received and a query of the leader, which take a second.
    let has_all = async || {
        let metrics = [nodes[0].metrics().await, nodes[1].metrics().await];
        let count = |name: &str| metrics.iter().map(|metrics| metrics.get(name, &[]).unwrap_or_default()).sum::<f64>();
        let counted = ["signal_lag", "update_lag", "beat_lag", "tick_lateness", "deadline_lateness"];
        counted.iter().all(|name| count(&format!("tickcast_{name}_seconds_count")) > 0.0)
    };
    wait_until("metrics of all kinds", has_all).await;
    nodes
}

/// Returns the names of the metrics of all nodes.
async fn names(nodes: &[Node]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for node in nodes {
        let metrics = node.metrics().await;
        let series = metrics.text().lines().filter(|line| !line.starts_with('#'));
        names.extend(series.map(|line| line.split(['{', ' ']).next().unwrap().to_owned()));
    }
    names
}

/// Returns the names of the metrics in a text.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    let is_figure = |word: &&str| {
        ["tickcast_", "process_", "http_server_"]
            .iter()
            .any(|prefix| word.len() > prefix.len() && word.starts_with(prefix))
    };
    words.filter(is_figure).map(str::to_owned).collect()
}

/// Collects all queries of a dashboard in the form that Prometheus accepts.
fn queries(dashboard: &Value, found: &mut Vec<String>) {
    match dashboard {
        Value::Object(fields) => {
            if let Some(query) = fields.get("expr").and_then(Value::as_str) {
                found.push(query.replace("$__rate_interval", "1m").replace("$instance", ".*").replace("$job", ".*"));
            }
            fields.values().for_each(|value| queries(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| queries(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn dashboards() -> Vec<(String, Value)> {
    let files = fs::read_dir(observability().join("grafana")).unwrap();
    let read = |file: fs::DirEntry| {
        let text = fs::read_to_string(file.path()).unwrap();
        (file.file_name().into_string().unwrap(), serde_json::from_str(&text).unwrap())
    };
    files.map(|file| read(file.unwrap())).collect()
}

/// A running Prometheus, which ends with its handle.
struct Prometheus {
    port: u16,
    _process: Running,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// Starts Prometheus with the deployed configuration, except for the targets and the intervals.
    async fn start(nodes: &[Node]) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let targets: Vec<String> = nodes.iter().map(|node| format!("\"127.0.0.1:{}\"", node.internal)).collect();
        let config = fs::read_to_string(observability().join("prometheus/prometheus.yaml")).unwrap();
        let config = config
            .replace("15s", "1s")
            .replace("\"127.0.0.1:9000\"", &targets.join(", "))
            .replace("- alerts.yaml", &format!("- {}", observability().join("prometheus/alerts.yaml").display()));
        let file = folder.path().join("prometheus.yaml");
        fs::write(&file, config).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(program("prometheus", "PROMETHEUS"));
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(log);
        let prometheus = Self { port, _process: Running::start(&mut command), _folder: folder };
        // Three scrapes, so that rates exist.
        let looks = "count_over_time(up{job=\"tickcast\"}[1m]) >= 3 and up == 1";
        let has_looked = async || match prometheus.ask(looks).await {
            Some(found) => found.as_array().is_some_and(|found| found.len() == nodes.len()),
            None => false,
        };
        wait_until("metrics to be fetched", has_looked).await;
        prometheus
    }

    /// Returns the answer to a query; `None` for an error.
    async fn ask(&self, query: &str) -> Option<Value> {
        let body = format!("query={}", encoded(query));
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let answer = request(self.port, "POST", "/api/v1/query", &headers, body.as_bytes()).await.ok()?;
        let answer: Value = serde_json::from_str(&answer.body).ok()?;
        (answer["status"] == "success").then(|| answer["data"]["result"].clone())
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[tokio::test]
async fn alerts_and_dashboards_query_existing_metrics() {
    let redis = RedisServer::start();
    let nodes = busy_nodes(&redis).await;
    let prometheus = Prometheus::start(&nodes).await;
    let there = names(&nodes).await;
    let rules = request(prometheus.port, "GET", "/api/v1/rules", &[], b"").await.unwrap().json();
    let groups = rules["data"]["groups"].as_array().unwrap();
    let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
    let mut asked: Vec<(String, String)> = rules
        .map(|rule| (rule["name"].as_str().unwrap().to_owned(), rule["query"].as_str().unwrap().to_owned()))
        .collect();
    let alerts = asked.len();
    assert!(alerts > 20, "{alerts} alerts");
    for (name, dashboard) in dashboards() {
        let mut found = Vec::new();
        queries(&dashboard, &mut found);
        assert!(found.len() > 10, "{name}");
        asked.extend(found.into_iter().map(|query| (name.clone(), query)));
    }
    for (who, query) in &asked {
        for figure in named(query) {
            assert!(there.contains(&figure), "{who} asks for {figure}, which is not there");
        }
        assert!(prometheus.ask(query).await.is_some(), "{who}: {query}");
    }
    // A dashboard that shows nothing for a busy cluster is wrong.
    for (who, query) in &asked[alerts..] {
        let found = prometheus.ask(&query.replace("[1m]", "[10s]")).await.unwrap();
        let may_be_empty = ["source=\"reckoned\"", "=~\"[45]..\"", "/ sum(rate(tickcast_commits_total", "== 0"];
        let is_empty = found.as_array().is_none_or(Vec::is_empty);
        assert!(!is_empty || may_be_empty.iter().any(|part| query.contains(part)), "{who} shows nothing: {query}");
    }
}

#[tokio::test]
async fn metrics_are_valid_bounded_and_documented() {
    let redis = RedisServer::start();
    let nodes = busy_nodes(&redis).await;
    let metrics = nodes[0].metrics().await;
    let mut promtool = Command::new(program("promtool", "PROMTOOL"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut promtool.stdin.take().unwrap(), metrics.text().as_bytes()).unwrap();
    let judged = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&judged.stderr).into_owned() + &String::from_utf8_lossy(&judged.stdout);
    assert!(judged.status.success() && said.trim().is_empty(), "{said}");

    assert!(!metrics.text().contains("anna-k"), "a metric names a user");
    let series = metrics.text().lines().filter(|line| !line.starts_with('#')).count();
    assert!(series < 1500, "{series} series");
    for summary in metrics.text().lines().filter(|line| line.starts_with("# TYPE")) {
        assert!(!summary.ends_with("summary"), "{summary}");
    }

    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/OPERATIONS.md");
    let document = fs::read_to_string(document).unwrap();
    let table = document.split("## Metrics").nth(1).unwrap().split("## Runbook").next().unwrap();
    let mut there = BTreeSet::new();
    for node in &nodes {
        let text = node.metrics().await;
        there.extend(text.text().lines().filter_map(|line| {
            let (name, kind) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
            assert_ne!(kind, "summary");
            Some(name.to_owned())
        }));
    }
    let described = named(table).into_iter().filter(|name| !name.ends_with("_bucket")).collect::<BTreeSet<_>>();
    for name in &there {
        assert!(described.contains(name), "{name} is not in docs/OPERATIONS.md");
    }
    for name in described {
        assert!(there.contains(&name), "docs/OPERATIONS.md has {name}, which is not there");
    }
}

#[tokio::test]
async fn each_alert_has_a_runbook_entry_and_fires_when_it_should() {
    let folder = observability().join("prometheus");
    let alerts = fs::read_to_string(folder.join("alerts.yaml")).unwrap();
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/OPERATIONS.md");
    let document = fs::read_to_string(document).unwrap();
    let alerts: BTreeSet<&str> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let paragraphs: BTreeSet<&str> = document
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .filter(|title| title.starts_with("Tickcast"))
        .collect();
    assert_eq!(alerts, paragraphs);
    for arguments in [["check", "rules", "alerts.yaml"], ["test", "rules", "alerts_test.yaml"]] {
        let mut promtool = Command::new(program("promtool", "PROMTOOL"));
        let judged = promtool.args(arguments).current_dir(&folder).output().unwrap();
        let said = String::from_utf8_lossy(&judged.stderr).into_owned() + &String::from_utf8_lossy(&judged.stdout);
        assert!(judged.status.success(), "{said}");
    }
    let mut promtool = Command::new(program("promtool", "PROMTOOL"));
    let judged = promtool.args(["check", "config", "prometheus.yaml"]).current_dir(&folder).output().unwrap();
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stderr));
}

#[tokio::test]
async fn the_same_instruments_are_exported_to_a_collector() {
    let collector = Collector::start().await;
    let endpoint = format!("http://127.0.0.1:{}", collector.http);
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_METRIC_EXPORT_INTERVAL", "100")];
    let mut node = Node::launch_in(&[], &environment);
    node.is_ready().await;
    let mut client = node.connect("userId=ann&dialect=v1").await;
    client.must("session-start", "s", json!({ "label": "x" })).await;
    client.next_of("tick").await;
    let has_all = async || {
        let sent = collector.metrics();
        let metrics = node.metrics().await;
        let mut types = metrics.text().lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        types.all(|(name, _)| {
            let name = name.trim_end_matches("_total").trim_end_matches("_seconds").trim_end_matches("_bytes");
            sent.iter().any(|sent| sent.replace('.', "_") == name)
        })
    };
    wait_until("all instruments", has_all).await;
}

#[tokio::test]
async fn nothing_is_measured_if_the_sdk_is_disabled() {
    let mut node = Node::launch_in(&[], &[("OTEL_SDK_DISABLED", "true")]);
    node.is_ready().await;
    node.connect("userId=ann&dialect=v1").await.must("session-start", "s", json!({ "label": "x" })).await;
    assert_eq!(node.metrics().await.text(), "");
}
