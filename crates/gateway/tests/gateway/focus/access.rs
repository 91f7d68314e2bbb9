//! Who may read, change and track sessions.

use harness::http::UPGRADE;
use harness::next_auth::{session_cookies, session_token};
use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;

const SECRET: &str = "a secret of sixteen bytes";

const JWT: [(&str, &str); 4] =
    [("auth.modes", "jwt"), ("auth.jwt.secret", SECRET), ("auth.jwt.leeway", "0s"), SOON_IDLE];

/// Every route, with a body that is taken.
const ROUTES: [(&str, &str, &str); 7] = [
    ("POST", "/api/sessions", r#"{"targetMinutes":25}"#),
    ("GET", "/api/sessions", ""),
    ("GET", "/api/sessions/{id}", ""),
    ("PUT", "/api/sessions/{id}", r#"{"subject":"Latin"}"#),
    ("PUT", "/api/sessions/{id}/end", ""),
    ("DELETE", "/api/sessions/{id}", ""),
    ("GET", "/api/users/me/stats", ""),
];

fn token_of(mut claims: Value, secret: &str, expires_in: i64) -> String {
    claims["exp"] = json!(i64::try_from(get_current_timestamp()).unwrap() + expires_in);
    encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

fn token(user: &str, expires_in: i64) -> String {
    token_of(json!({ "id": user }), SECRET, expires_in)
}

async fn call(node: &Node, token: &str, (method, path, body): (&str, &str, &str)) -> Response {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    node.http(method, path, if token.is_empty() { &[] } else { &headers }, body.as_bytes()).await
}

async fn connect(node: &Node, query: &str) -> Client {
    Client::connect(node.public, &format!("/ws/sessions{query}")).await
}

#[tokio::test]
async fn every_route_needs_a_valid_token_and_tells_an_expired_one_apart() {
    let node = Node::start_with(&JWT).await;
    let invalid = [token_of(json!({ "id": "ann" }), "another secret of bytes", 600), "nonsense".to_owned()];
    for (method, path, body) in ROUTES {
        let path = path.replace("{id}", UNKNOWN);
        let route = (method, path.as_str(), body);
        refused(&call(&node, "", route).await, 401, "Not authorized to access this route");
        let named = format!("{path}?userId=ann");
        assert_eq!(node.http(method, &named, &[], body.as_bytes()).await.status, 401, "{method} {named}");
        for token in &invalid {
            refused(&call(&node, token, route).await, 401, "Token is not valid");
        }
        let answer = call(&node, &token("ann", -5), route).await;
        let expired = json!({ "message": "Token expired", "code": "TOKEN_EXPIRED" });
        assert_eq!((answer.status, answer.json()), (401, expired), "{method} {path}");
        let taken = if path.contains(UNKNOWN) {
            404
        } else if method == "POST" {
            201
        } else {
            200
        };
        assert_eq!(call(&node, &token("ann", 600), route).await.status, taken, "{method} {path}");
    }
}

#[tokio::test]
async fn the_user_is_the_claim_id_or_sub_and_numbers_are_users() {
    let node = Node::start_with(&JWT).await;
    for (claims, user) in [
        (json!({ "id": "65f0c2a1b2c3d4e5f6a7b8c9" }), "65f0c2a1b2c3d4e5f6a7b8c9"),
        (json!({ "sub": "ann" }), "ann"),
        (json!({ "id": 42 }), "42"),
        (json!({ "sub": "ann", "id": "ben" }), "ann"),
    ] {
        let token = token_of(claims.clone(), SECRET, 600);
        let created = call(&node, &token, ("POST", "/api/sessions", r#"{"targetMinutes":5,"userId":"eve"}"#)).await;
        assert_eq!((created.status, &created.json()["session"]["userId"]), (201, &json!(user)), "{claims}");
        let id = id_of(&created.json()["session"]);
        let mut socket = connect(&node, &format!("?token={token}")).await;
        assert_eq!(socket.next().await["type"], "connected");
        socket.start(&id).await;
    }
    let nobody = token_of(json!({ "name": "Ann" }), SECRET, 600);
    refused(&call(&node, &nobody, ("GET", "/api/sessions", "")).await, 401, "Token is not valid");
}

#[tokio::test]
async fn a_socket_without_a_valid_token_is_closed_with_the_reason() {
    let node = Node::start_with(&JWT).await;
    let foreign = token_of(json!({ "id": "ann" }), "another secret of bytes", 600);
    for (query, reason) in [
        (String::new(), "Missing token"),
        ("?token=".to_owned(), "Missing token"),
        ("?userId=ann".to_owned(), "Missing token"),
        ("?token=nonsense".to_owned(), "Invalid token"),
        (format!("?token={foreign}"), "Invalid token"),
        (format!("?token={}", token("ann", -5)), "Invalid token"),
    ] {
        let closed = connect(&node, &query).await.closed().await;
        assert_eq!(closed, (4401, reason.to_owned()), "{query}");
    }
    // Where other systems admit guests, too.
    for settings in [&[][..], &[("auth.modes", "jwt"), ("auth.jwt.secret", SECRET), ("auth.guests", "true")]] {
        let node = Node::start_with(settings).await;
        assert_eq!(connect(&node, "").await.closed().await, (4401, "Missing token".to_owned()));
        refused(&node.get("/api/sessions").await, 401, "Not authorized to access this route");
    }
}

#[tokio::test]
async fn sessions_of_others_are_forbidden_and_not_touched() {
    let node = Node::start_with(&[SOON_IDLE]).await;
    let id = node.new_session("ann", 25.0).await;
    let before = node.read("ann", &id).await;
    let path = format!("/api/sessions/{id}");
    refused(&node.call("ben", "GET", &path, "").await, 403, "Not authorized to access this session");
    let body = r#"{"subject":"mine","status":"paused"}"#;
    refused(&node.call("ben", "PUT", &path, body).await, 403, "Not authorized to update this session");
    refused(&node.call("ben", "PUT", &format!("{path}/end"), "").await, 403, "Not authorized");
    refused(&node.call("ben", "DELETE", &path, "").await, 403, "Not authorized");
    let upper = format!("/api/sessions/{}", id.to_uppercase());
    refused(&node.call("ben", "GET", &upper, "").await, 403, "Not authorized to access this session");
    let mut socket = node.socket("ben").await;
    socket.tell(json!({ "type": "start", "sessionId": id })).await;
    let invalid = json!({ "type": "error", "message": "Invalid session", "code": "not_found", "retry": false });
    assert_eq!(socket.next().await, invalid);
    assert_eq!(node.read("ann", &id).await, before);
    assert_eq!(node.list("ben", "").await, [""; 0]);
    assert_eq!(node.stats("ben").await["completedSessions"], 0);
}

#[tokio::test]
async fn a_token_that_expires_closes_the_socket_and_a_return_goes_on() {
    let node = Node::start_with(&JWT).await;
    let (short, long) = (token("ann", 6), token("ann", 600));
    let created = call(&node, &long, ("POST", "/api/sessions", r#"{"targetMinutes":25}"#)).await;
    let id = id_of(&created.json()["session"]);
    let mut socket = connect(&node, &format!("?token={short}")).await;
    socket.next_of("connected").await;
    socket.start(&id).await;
    let last = elapsed(&socket.tick_of(1).await);
    let closed = socket.closed().await;
    assert_eq!(closed, (4401, "Unauthorized".to_owned()));
    let path = format!("/api/sessions/{id}");
    let between = call(&node, &long, ("GET", &path, "")).await.json()["session"].clone();
    assert_eq!(between["status"], "active");
    let mut socket = connect(&node, &format!("?token={long}")).await;
    socket.next_of("connected").await;
    socket.start(&id).await;
    let after = socket.next_of("tick").await;
    assert!(elapsed(&after) >= elapsed(&between).max(last), "{after} after {between}");
    assert_eq!(elapsed(&after), seconds(&after)[1] + seconds(&after)[2]);
}

#[tokio::test]
async fn a_fresh_token_keeps_the_socket_and_one_of_another_user_closes_it() {
    let node = Node::start_with(&JWT).await;
    let short = format!("?token={}", token("ann", 5));
    let (mut socket, mut ends) = (connect(&node, &short).await, connect(&node, &short).await);
    socket.next_of("connected").await;
    socket.ask("auth", Some("bad"), json!({ "token": "nonsense" })).await;
    let error = socket.next().await;
    assert_eq!((&error["id"], &error["code"]), (&json!("bad"), &json!("unauthorized")), "{error}");
    socket.ask("auth", Some("good"), json!({ "token": token("ann", 600) })).await;
    let answer = socket.next().await;
    let expires = (get_current_timestamp() + 600) * 1000;
    assert_eq!((&answer["type"], &answer["id"]), (&json!("auth"), &json!("good")));
    assert!(answer["payload"]["expiresAt"].as_u64().unwrap().abs_diff(expires) <= 2000, "{answer}");
    assert_eq!(ends.closed().await, (4401, "Unauthorized".to_owned()));
    socket.ask("auth", None, json!({ "token": token("ben", 600) })).await;
    assert_eq!(socket.closed().await, (4403, "Forbidden".to_owned()));
}

#[tokio::test]
async fn messages_that_are_sent_with_the_handshake_are_kept() {
    let node = Node::start_with(&JWT).await;
    let token = token("ann", 600);
    let created = call(&node, &token, ("POST", "/api/sessions", r#"{"targetMinutes":25}"#)).await;
    let id = id_of(&created.json()["session"]);
    let mut bytes = format!("GET /ws/sessions?token={token} HTTP/1.1\r\nhost: localhost\r\n").into_bytes();
    for (name, value) in UPGRADE {
        bytes.extend(format!("{name}: {value}\r\n").bytes());
    }
    bytes.extend(b"\r\n");
    for text in [r#"{"type":"activity"}"#.to_owned(), json!({ "type": "start", "sessionId": id }).to_string()] {
        // A text frame whose mask is 0.
        bytes.extend([0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0]);
        bytes.extend(text.bytes());
    }
    let mut tcp = TcpStream::connect(("127.0.0.1", node.public)).await.unwrap();
    tcp.write_all(&bytes).await.unwrap();
    let (mut received, started) = (Vec::new(), format!(r#"{{"type":"started","sessionId":"{id}"}}"#));
    let answered = async {
        while !String::from_utf8_lossy(&received).contains(&started) {
            assert!(tcp.read_buf(&mut received).await.unwrap() > 0, "{}", String::from_utf8_lossy(&received));
        }
    };
    timeout(harness::DEADLINE, answered).await.expect("the answer to a message that came with the handshake");
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_and_a_cookie_needs_an_origin() {
    let secret = "the secret of a next-auth server";
    let settings =
        [("auth.modes", "next-auth"), ("auth.next_auth.secret", secret), ("public.origins", "https://app.example.com")];
    let node = Node::start_with(&settings).await;
    let token = session_token(secret, &json!({ "sub": "ann", "exp": get_current_timestamp() + 600 }));
    let cookie = session_cookies("next-auth.session-token", &token);
    let cookie = ("cookie", cookie.as_str());
    let page = |origin| ("origin", origin);
    for (method, path, body) in ROUTES {
        let path = path.replace("{id}", UNKNOWN);
        let status = async |headers: &[(&str, &str)]| node.http(method, &path, headers, body.as_bytes()).await.status;
        let taken = if path.contains(UNKNOWN) {
            404
        } else if method == "POST" {
            201
        } else {
            200
        };
        assert_eq!(status(&[cookie, page("https://app.example.com")]).await, taken, "{method} {path}");
        assert_eq!(status(&[cookie, page("https://evil.example")]).await, 403, "{method} {path}");
        // As a form of another site would send it, in a browser that omits the origin.
        let read = if method == "GET" { taken } else { 403 };
        assert_eq!(status(&[cookie, ("content-type", "text/plain")]).await, read, "{method} {path}");
        let preflight = [page("https://app.example.com"), ("access-control-request-method", method)];
        let answer = node.http("OPTIONS", &path, &preflight, b"").await;
        assert!(answer.header("access-control-allow-methods").unwrap_or_default().contains(method), "{answer:?}");
        let headers = answer.header("access-control-allow-headers").unwrap_or_default();
        assert!(headers.contains("x-time-zone") && headers.contains("authorization"), "{answer:?}");
    }
    let mut socket = Client::connect_with(node.public, "/ws/sessions", &[cookie]).await;
    assert_eq!(socket.closed().await, (4403, "Forbidden".to_owned()));
    let mut socket =
        Client::connect_with(node.public, "/ws/sessions", &[cookie, page("https://app.example.com")]).await;
    assert_eq!(socket.next().await["type"], "connected");
}

#[tokio::test]
async fn a_system_that_is_off_has_no_routes() {
    let node = Node::start_with(&[("focus.enabled", "false")]).await;
    for (method, path, body) in ROUTES {
        let path = path.replace("{id}", UNKNOWN);
        let answer = node.call("ann", method, &path, body).await;
        let expected = (&json!("Route not found"), &json!(path), &json!(method));
        let body = answer.json();
        assert_eq!((answer.status, (&body["message"], &body["path"], &body["method"])), (404, expected));
    }
    assert_eq!(node.http("GET", "/ws/sessions?userId=ann", &UPGRADE, b"").await.status, 404);
    let on = Node::start().await;
    for (method, path) in [
        ("PATCH", "/api/sessions"),
        ("DELETE", "/api/sessions"),
        ("POST", "/api/sessions/507f1f77bcf86cd799439011"),
        ("POST", "/api/sessions/507f1f77bcf86cd799439011/end"),
        ("GET", "/api/sessions/507f1f77bcf86cd799439011/start"),
        ("POST", "/api/users/me/stats"),
        ("GET", "/api/users/me"),
    ] {
        let answer = on.call("ann", method, path, "").await;
        assert_eq!((answer.status, &answer.json()["message"]), (404, &json!("Route not found")), "{method} {path}");
    }
}

#[tokio::test]
async fn the_health_is_told_in_the_words_of_the_original_if_so_configured() {
    for (settings, status) in [(&[][..], "ok"), (&[("focus.health_status", "OK")], "OK")] {
        let node = Node::start_with(settings).await;
        let answer = node.get("/api/health").await;
        assert_eq!((answer.status, &answer.json()["status"]), (200, &json!(status)));
        assert_eq!(answer.json()["message"], "Server is running");
        assert!(answer.json()["timestamp"].is_u64() && answer.json()["uptime"].is_number());
    }
}
