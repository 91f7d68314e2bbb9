//! Who may read and write a day.

use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use serde_json::{Value, json};

use super::*;

const SECRET: &str = "a secret of sixteen bytes";

/// Every route, with a body that is taken.
const ROUTES: [(&str, &str, &str); 7] = [
    ("GET", "/api/session", ""),
    ("POST", "/api/session", "{}"),
    ("DELETE", "/api/session", ""),
    ("PUT", "/api/session/zone", r#"{"zone":"UTC"}"#),
    ("POST", "/api/heartbeat", "{}"),
    ("GET", "/api/daily-logs", ""),
    ("POST", "/api/daily-logs", r#"{"date":"2026-11-20","entries":[],"dailyStats":{}}"#),
];

fn bearer(secret: &str, user: &str, expires_in: i64) -> String {
    let expires_at = i64::try_from(get_current_timestamp()).unwrap() + expires_in;
    let claims = json!({ "sub": user, "exp": expires_at });
    format!("Bearer {}", encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap())
}

#[tokio::test]
async fn every_route_needs_a_valid_token_and_serves_its_person() {
    let node = Node::start_with(&[("auth.modes", "jwt"), ("auth.jwt.secret", SECRET)]).await;
    let ann = bearer(SECRET, "ann", 600);
    for (method, path, body) in ROUTES {
        for token in
            ["", "Bearer nonsense", &bearer("another secret of bytes", "ann", 600), &bearer(SECRET, "ann", -600)]
        {
            let answer = node.http(method, path, &[("authorization", token)], body.as_bytes()).await;
            let expected = (401, json!({ "error": "Unauthorized" }));
            assert_eq!((answer.status, answer.json()), expected, "{method} {path} {token}");
        }
        let named = format!("{path}?userId=ann");
        assert_eq!(node.http(method, &named, &[], body.as_bytes()).await.status, 401, "{method} {named}");
        let answer = node.http(method, path, &[("authorization", &ann)], body.as_bytes()).await;
        assert_eq!(answer.status, 200, "{method} {path} {answer:?}");
    }
    // A document that names somebody else is posted to one's own day.
    let body = json!({ "userId": "ben", "entries": [entry(1, "IN", 1)] }).to_string();
    let posted = node.http("POST", "/api/session", &[("authorization", &ann)], body.as_bytes()).await.json();
    assert_eq!(posted["data"]["userId"], "ann");
    let ben = bearer(SECRET, "ben", 600);
    let document = node.http("GET", "/api/session", &[("authorization", &ben)], b"").await.json();
    assert_eq!((&document["data"]["userId"], ids(&document["data"])), (&json!("ben"), Vec::<Value>::new()));
    assert_eq!(live(&node, "ann").await.closed().await.0, 4401, "a user id is no login");
    let mut socket = Client::connect_with(node.public, "/api/session/live", &[("authorization", &ann)]).await;
    assert_eq!(socket.next().await["payload"]["userId"], "ann");
}

#[tokio::test]
async fn pages_of_other_origins_are_refused() {
    let node = Node::start_with(&[("public.origins", "https://app.example.com")]).await;
    for (method, path, body) in ROUTES {
        let path = format!("{path}?userId=ann");
        for (origin, status) in [("https://evil.example", 403), ("null", 403), ("https://app.example.com", 200)] {
            let answer = node.http(method, &path, &[("origin", origin)], body.as_bytes()).await;
            assert_eq!(answer.status, status, "{method} {path} {origin}");
        }
        let preflight = [("origin", "https://app.example.com"), ("access-control-request-method", method)];
        let answer = node.http("OPTIONS", &path, &preflight, b"").await;
        assert!(answer.header("access-control-allow-methods").unwrap_or_default().contains(method), "{answer:?}");
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    }
}

#[tokio::test]
async fn a_system_that_is_off_has_no_routes() {
    let node = Node::start_with(&[("punch_clock.enabled", "false")]).await;
    for (method, path, body) in ROUTES {
        let answer = node.http(method, &format!("{path}?userId=ann"), &[], body.as_bytes()).await;
        assert_eq!((answer.status, &answer.json()["error"]), (404, &json!("Not found")), "{method} {path}");
    }
    let on = Node::start().await;
    for (method, path) in [("PATCH", "/api/session"), ("GET", "/api/session/zone"), ("GET", "/api/heartbeat")] {
        assert_eq!(on.http(method, &format!("{path}?userId=ann"), &[], b"").await.status, 404, "{method} {path}");
    }
}
