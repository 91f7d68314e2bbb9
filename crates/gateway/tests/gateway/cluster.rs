//! The state of all nodes on the internal port, and the page that shows it.

use harness::{Node, RedisServer, wait_until};
use serde_json::{Value, json};

async fn cluster(node: &Node) -> Value {
    node.get_internal("/admin/cluster").await.json()
}

/// Returns what a node shows of a node; `null` if it shows none of that name.
async fn shown(by: &Node, name: &str) -> Value {
    let cluster = cluster(by).await;
    let nodes = cluster["nodes"].as_array().unwrap();
    nodes.iter().find(|node| node["node"] == name).cloned().unwrap_or_default()
}

#[tokio::test]
async fn each_node_shows_all_nodes_a_shutdown_and_an_outage_of_the_store() {
    let mut redis = RedisServer::start_with(&["--maxmemory", "100mb", "--maxmemory-policy", "noeviction"]);
    let url = redis.url();
    let settings =
        |name| [("store.url", url.as_str()), ("node.id", name), ("drain.notice", "0s"), ("drain.grace", "60s")];
    let one = Node::start_with(&settings("a")).await;
    let mut two = Node::start_with(&settings("b")).await;
    let mut client = two.connect("userId=ann&dialect=v1").await;
    client.next_of("ready").await;

    wait_until("a shows the client of b", async || shown(&one, "b").await["connections"]["count"] == 1).await;
    let seen = cluster(&one).await;
    assert_eq!((&seen["node"], seen["nodes"].as_array().unwrap().len()), (&json!("a"), 2));
    assert!(seen["leader"]["since"].as_u64() <= seen["at"].as_u64() && seen["leader"]["since"].is_u64(), "{seen}");
    assert!(["a", "b"].contains(&seen["leader"]["node"].as_str().unwrap()), "{seen}");
    let other = shown(&one, "b").await;
    assert_eq!(other["connections"]["byDialect"]["clockit.v1"], 1);
    assert_eq!((&other["ready"], &other["silent"], &other["drain"]), (&json!(true), &json!(false), &Value::Null));
    assert_eq!(other["public"], format!("127.0.0.1:{}", two.public));
    assert_eq!(other["version"], env!("CARGO_PKG_VERSION"));
    let server = &other["store"]["servers"][0];
    assert_eq!((&server["role"], &server["memoryPolicy"]), (&json!("master"), &json!("noeviction")));
    assert_eq!((&server["limit"], &server["persistence"]["appendOnly"]), (&json!(100 << 20), &json!(false)));
    // A report tells how long the one before took.
    wait_until("the response time", async || shown(&one, "b").await["store"]["latencyMs"].as_f64() > Some(0.0)).await;

    two.signal("TERM");
    wait_until("a shows that b stops", async || shown(&one, "b").await["drain"]["sockets"] == 1).await;
    let stopping = shown(&one, "b").await;
    let left = stopping["drain"]["endsWithinMs"].as_u64().unwrap();
    assert!(stopping["ready"] == false && left > 0 && left <= 60_000, "{stopping}");
    drop(client);
    assert!(two.ended().await.success());
    wait_until("b has removed its report", async || shown(&one, "b").await.is_null()).await;

    two.restart().await;
    wait_until("b is back", async || shown(&one, "b").await["ready"] == true).await;
    redis.kill();
    wait_until("a tells why it cannot read", async || cluster(&one).await["reports"]["why"].is_string()).await;
    let outage = cluster(&one).await;
    assert_eq!(outage["nodes"].as_array().unwrap().len(), 2, "b is shown as it was read last");
    assert!(shown(&one, "a").await["store"]["why"].is_string(), "{outage}");
}

#[tokio::test]
async fn a_single_node_shows_itself_and_its_recent_refusals() {
    let node = Node::start_with(&[("node.id", "only"), ("limits.history_rows", "1")]).await;
    let rows = "2026-01-01T10:00:00Z,2026-01-01T12:00:00Z,1,,,,,,,,,,,,,,,\n\
                2026-01-02T10:00:00Z,2026-01-02T12:00:00Z,2,,,,,,,,,,,,,,,\n";
    let refused = node.http("POST", "/ingestCsv?userId=ann", &[("content-type", "text/csv")], rows.as_bytes()).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    assert_eq!(node.get("/sessions").await.status, 401);
    let only = shown(&node, "only").await;
    assert_eq!(only["refusals"], json!({ "quota": 1, "unauthorized": 1 }));
    assert_eq!(node.metrics().await.must("tickcast_refusals_total", &[("reason", "quota")]), 1.0);
    let server = &only["store"]["servers"][0];
    assert!(server["used"].as_u64().unwrap() > 0 && server["role"].is_null(), "{server}");
    wait_until("the store has the node's report", async || {
        cluster(&node).await["reports"]["ageMs"].is_u64() && !shown(&node, "only").await["store"]["latencyMs"].is_null()
    })
    .await;
}

#[tokio::test]
async fn the_page_is_on_the_internal_port_only_and_no_page_can_change_anything() {
    let node = Node::start().await;
    let browser = [("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")];
    let redirect = node.http_internal("GET", "/cluster", &browser, b"").await;
    assert_eq!((redirect.status, redirect.header("location")), (303, Some("cluster/")));
    let page = node.get_internal("/cluster/").await;
    assert!(page.status == 200 && page.body.contains("<title>Cluster"), "{page:?}");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    for file in ["/cluster/app.js", "/cluster/cluster.css", "/styles/base.css", "/i18n/de.js", "/favicon.svg"] {
        assert_eq!(node.get_internal(file).await.status, 200, "{file}");
    }
    for file in ["/", "/app.js", "/lib/tickcast/index.js", "/cluster/none.js"] {
        assert_eq!(node.get_internal(file).await.status, 404, "{file}");
    }
    for path in ["/cluster", "/cluster/", "/cluster/index.html", "/admin/cluster"] {
        assert_eq!(node.get(path).await.status, 404, "{path} on the public port");
    }
    let order = json!({ "user": "ann" }).to_string();
    let json = ("content-type", "application/json");
    for header in [("origin", "http://127.0.0.1:9000"), ("origin", "null"), ("sec-fetch-site", "same-origin")] {
        let refused = node.http_internal("POST", "/admin/disconnect", &[json, header], order.as_bytes()).await;
        assert_eq!(refused.status, 403, "{header:?}");
        let refused = node.http_internal("PUT", "/admin/log", &[json, header], br#"{"level":"error"}"#).await;
        assert_eq!(refused.status, 403, "{header:?}");
    }
    assert_eq!(node.http_internal("POST", "/admin/disconnect", &[json], order.as_bytes()).await.status, 202);
}

#[tokio::test]
async fn a_foreign_host_name_reads_nothing_but_probes_and_metrics() {
    const PATHS: [&str; 6] =
        ["/cluster", "/cluster/", "/admin/cluster", "/admin/connections", "/admin/log", "/favicon.svg"];
    let node = Node::start_with(&[("internal.hosts", "ops.example.com,tickcast")]).await;
    let status = async |path, host| node.http_internal("GET", path, &[("host", host)], b"").await.status;
    for path in PATHS {
        for host in ["localhost:9000", "127.0.0.1:9000", "[::1]:9000", "10.1.2.3", "Ops.example.com", "tickcast:9000"] {
            assert_eq!(status(path, host).await, 200, "{path} at {host}");
        }
        assert_eq!(status(path, "rebound.example:9000").await, 403, "{path}");
    }
    let refused = node.http_internal("GET", "/admin/connections", &[("host", "rebound.example:9000")], b"").await;
    assert!(refused.body.contains("rebound.example:9000 (internal.hosts)"), "{refused:?}");
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(status(path, "tickcast-internal.team.svc.cluster.local:9000").await, 200, "{path}");
    }
    let (json, foreign) = (("content-type", "application/json"), ("host", "rebound.example"));
    let order = br#"{"user":"ann"}"#;
    assert_eq!(node.http_internal("POST", "/admin/disconnect", &[json, foreign], order).await.status, 403);
    assert_eq!(node.http_internal("PUT", "/livez", &[foreign], b"").await.status, 404);
}
