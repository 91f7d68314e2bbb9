//! The origins whose pages may use the service from a browser.

use harness::Node;
use harness::http::UPGRADE;

/// Returns the statuses for a page of an origin: HTTP, a preflight, both WebSockets, long polling.
async fn statuses(node: &Node, origin: &str) -> Vec<u16> {
    let origin = ("origin", origin);
    let preflight = [origin, ("access-control-request-method", "POST")];
    let upgrade = [&UPGRADE[..], &[origin]].concat();
    let (socket_io, polling) = ("/socket.io/?EIO=4&transport=websocket", "/socket.io/?EIO=4&transport=polling");
    let asked = [
        ("GET", "/sessions?userId=ann", vec![origin]),
        ("POST", "/ingestCsv?userId=ann", vec![origin]),
        ("OPTIONS", "/ingestCsv", preflight.to_vec()),
        ("GET", "/session?userId=ann&dialect=wrong", upgrade.clone()),
        ("GET", socket_io, upgrade),
        ("GET", polling, vec![origin]),
    ];
    let mut statuses = Vec::new();
    for (method, path, headers) in asked {
        if path == socket_io && origin.1.contains("good") {
            // An accepted WebSocket would stay open.
            continue;
        }
        statuses.push(node.http(method, path, &headers, b"").await.status);
    }
    statuses
}

#[tokio::test]
async fn only_pages_of_allowed_origins_are_served() {
    let node = Node::start_with(&[("public.origins", "https://*.good.org,https://good.com:8443")]).await;
    for good in ["https://a.good.org", "https://good.com:8443"] {
        assert_eq!(statuses(&node, good).await, [200, 200, 200, 400, 200], "{good}");
    }
    for bad in ["https://evil.org", "https://a.b.example.org", "http://localhost:5174", "null"] {
        assert_eq!(statuses(&node, bad).await, [403; 6], "{bad}");
    }
    let response = node.http("GET", "/api/health", &[("origin", "https://a.good.org")], b"").await;
    assert_eq!(response.header("access-control-allow-origin"), Some("https://a.good.org"));
    assert_eq!(response.header("access-control-allow-credentials"), Some("true"));
    let refused = node.http("GET", "/api/health", &[("origin", "https://evil.org")], b"").await;
    assert!(refused.header("access-control-allow-origin").is_none() && refused.json()["error"] == "Forbidden");
    // A client that is not a page, and the console itself.
    assert_eq!(node.get("/api/health").await.status, 200);
    assert_eq!(node.http("GET", "/", &[("origin", "http://localhost")], b"").await.status, 200);
    assert!(node.get_internal("/metrics").await.body.contains("tickcast_refusals_total{reason=\"origin\"}"));
}

#[tokio::test]
async fn in_development_pages_of_this_machine_are_served() {
    let node = Node::start().await;
    for (origin, status) in [
        ("http://localhost:5174", 200),
        ("http://127.0.0.1:3000", 200),
        ("http://[::1]:80", 200),
        ("https://a.org", 403),
    ] {
        assert_eq!(node.http("GET", "/api/health", &[("origin", origin)], b"").await.status, status, "{origin}");
    }
}
