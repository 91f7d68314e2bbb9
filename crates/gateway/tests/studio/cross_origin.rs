//! Pages of another origin: preflights, and answers that a page may read, errors included.

use harness::http::Response;
use serde_json::json;

use super::member::{JSON, Member, start};

const PAGE: &str = "https://app.example.com";

fn is_readable(response: &Response) -> bool {
    response.header("access-control-allow-origin") == Some(PAGE)
        && response.header("access-control-allow-credentials") == Some("true")
}

#[tokio::test]
async fn a_preflight_allows_what_the_clients_send() {
    let node = start(&[("public.origins", "https://*.example.com")]).await;
    let preflight = |origin: &'static str, method: &'static str, headers: &'static str| {
        [("origin", origin), ("access-control-request-method", method), ("access-control-request-headers", headers)]
    };
    for path in ["timeTracking.timer.start", "timeTracking.taskTypes.list,nothing?batch=1"] {
        for method in ["POST", "GET"] {
            let headers = preflight(PAGE, method, "content-type,idempotency-key,x-test-user-id,x-test-org-id");
            let answer = node.http("OPTIONS", &format!("/api/trpc/{path}"), &headers, b"").await;
            assert!(answer.status == 200 && is_readable(&answer), "{answer:?}");
            let allowed = answer.header("access-control-allow-headers").unwrap().to_ascii_lowercase();
            for header in ["content-type", "idempotency-key", "authorization", "x-test-user-id", "x-test-org-id"] {
                assert!(allowed.contains(header), "{allowed}");
            }
            assert!(answer.header("access-control-allow-methods").unwrap().contains(method), "{answer:?}");
        }
    }
    for foreign in ["https://example.com", "https://a.b.example.com", "http://app.example.com", "https://evil.org"] {
        let answer = node.http("OPTIONS", "/api/trpc/x", &preflight(foreign, "POST", "content-type"), b"").await;
        assert!(answer.status == 403 && answer.header("access-control-allow-origin").is_none(), "{answer:?}");
    }
}

#[tokio::test]
async fn a_page_can_read_results_and_errors() {
    let node = start(&[("public.origins", "https://*.example.com"), ("studio.body_bytes", "1000")]).await;
    let ann = Member::new(&node, 1, 1);
    let origin = ("origin", PAGE);
    let large = "x".repeat(1001);
    for (status, method, path, kind, body) in [
        (200, "GET", "timeTracking.taskTypes.list", JSON, ""),
        (200, "GET", "timeTracking.timeEntries.list", JSON, ""),
        (400, "POST", "timeTracking.timer.start", JSON, "{}"),
        (404, "GET", "timeTracking.nothing", JSON, ""),
        (404, "POST", "timeTracking.timer.stop", JSON, r#"{"timeEntryId":1}"#),
        (405, "DELETE", "timeTracking.timer.stop", JSON, ""),
        (413, "POST", "timeTracking.timer.start", JSON, &large),
        (415, "POST", "timeTracking.timer.start", ("content-type", "text/plain"), "{}"),
    ] {
        let answer = ann.send(method, path, &[origin, kind], body.as_bytes()).await;
        assert!(answer.status == status && is_readable(&answer), "{method} {path}: {answer:?}");
    }
    let guest = node.http("GET", "/api/trpc/timeTracking.taskTypes.list", &[origin], b"").await;
    assert!(guest.status == 401 && is_readable(&guest), "{guest:?}");
    let foreign = [("origin", "https://evil.org"), JSON];
    let refused = ann.send("POST", "timeTracking.timer.start", &foreign, br#"{"taskTypeId":1,"sessionId":1}"#).await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (403, None));
    assert_eq!(ann.entries(&json!({})).await.len(), 0, "a page of another origin changes nothing");
}
