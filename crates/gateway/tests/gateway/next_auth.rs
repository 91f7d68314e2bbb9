//! Session tokens of a next-auth server: which cookies log in, how long, to what, and how secrets are rotated.

use harness::next_auth::{session_cookies, session_token};
use harness::{Client, Node, RedisServer, SocketIo, wait_until};
use jsonwebtoken::get_current_timestamp;
use serde_json::{Value, json};

use super::sessions::{log_in, start};

const SECRET: &str = "the secret of a next-auth server";

const PLAIN: &str = "next-auth.session-token";

const SECURE: &str = "__Secure-next-auth.session-token";

const MODE: [(&str, &str); 3] =
    [("auth.modes", "next-auth"), ("auth.next_auth.secret", SECRET), ("socketio.anonymous", "false")];

fn token(secret: &str, user: &str, expires_in: i64) -> String {
    let now = i64::try_from(get_current_timestamp()).unwrap();
    session_token(secret, &json!({ "sub": user, "iat": now, "exp": now + expires_in }))
}

fn cookie(user: &str) -> String {
    session_cookies(PLAIN, &token(SECRET, user, 600))
}

async fn status(node: &Node, cookies: &str) -> u16 {
    node.http("GET", "/sessions", &[("cookie", cookies)], b"").await.status
}

/// Returns the user as which a WebSocket is connected.
async fn user(node: &Node, cookies: &str) -> Value {
    let mut client = Client::connect_with(node.public, "/session", &[("cookie", cookies)]).await;
    client.ask("session-start", None, json!({ "label": "x" })).await;
    client.next_of("session-update").await["payload"]["userId"].clone()
}

async fn connect_socketio(node: &Node, cookies: &str) -> (SocketIo, String) {
    let mut client = SocketIo::open_with(node.public, "", &[("cookie", cookies)]).await;
    client.say("40").await;
    let answer = client.text().await;
    (client, answer)
}

#[tokio::test]
async fn a_cookie_logs_in_if_the_secret_decrypts_it() {
    let node = Node::start_with(&MODE).await;
    let long = session_token(SECRET, &json!({ "sub": "ann", "roles": "x".repeat(9000), "exp": 4_000_000_000_u64 }));
    for name in [PLAIN, SECURE] {
        for cookies in [
            session_cookies(name, &token(SECRET, "ann", 600)),
            format!("theme=dark; {}; a=b", session_cookies(name, &token(SECRET, "ann", 600))),
            session_cookies(name, &long),
        ] {
            assert_eq!(status(&node, &cookies).await, 200, "{cookies}");
            assert_eq!(user(&node, &cookies).await, "ann");
            assert!(connect_socketio(&node, &cookies).await.1.starts_with("40{"));
        }
    }
    let valid = token(SECRET, "ann", 600);
    for refused in [
        session_cookies(PLAIN, &token("the secret of another server", "ann", 600)),
        session_cookies(PLAIN, &token(SECRET, "ann", -20)),
        session_cookies(PLAIN, &token(SECRET, "guest_0000000000000000", 600)),
        session_cookies("next-auth.session-tokens", &valid),
        format!("{PLAIN}={}", &valid[..valid.len() - 1]),
        format!("{PLAIN}.1={valid}"),
        format!("{PLAIN}="),
        format!("{PLAIN}={}", "x".repeat(20_000)),
        format!("{PLAIN}=...."),
    ] {
        assert_eq!(status(&node, &refused).await, 401, "{refused}");
        assert_eq!(connect_socketio(&node, &refused).await.1, r#"44{"message":"Unauthorized: No valid session"}"#);
    }
    let mut client = Client::connect_with(node.public, "/session", &[("cookie", &format!("{PLAIN}=x.y"))]).await;
    assert_eq!(client.closed().await.0, 4401);
    let answer = node.http("GET", "/sessions", &[("cookie", &format!("{PLAIN}=x.y"))], b"").await.json();
    assert_eq!(answer["message"], "the session was rejected: it is invalid or has expired");
    assert!(node.metrics().await.must("tickcast_connections_opened_total", &[("auth", "next-auth")]) >= 12.0);
}

#[tokio::test]
async fn a_socket_closes_when_its_token_expires_and_a_newer_cookie_opens_another() {
    let node = Node::start_with(&MODE).await;
    // Valid for some seconds more, by the tolerance for clocks that differ.
    let expiring = || session_cookies(PLAIN, &token(SECRET, "ann", -7));
    let cookies = expiring();
    let mut client = Client::connect_with(node.public, "/session", &[("cookie", &cookies)]).await;
    client.next_of("ready").await;
    let (mut socket, answer) = connect_socketio(&node, &expiring()).await;
    assert!(answer.starts_with("40{"), "{answer}");
    let renewed = cookie("ann");
    let mut stays = Client::connect_with(node.public, "/session", &[("cookie", &renewed)]).await;
    stays.next_of("ready").await;
    assert_eq!(client.closed().await.0, 4401);
    assert_eq!(socket.is_disconnected().await, 4401);
    assert_eq!(status(&node, &cookies).await, 401);
    stays.must("session-start", "a", json!({ "label": "x" })).await;
    assert_eq!(user(&node, &renewed).await, "ann");
}

#[tokio::test]
async fn secrets_are_rotated_by_their_file_without_a_restart() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let write = |text: &str| std::fs::write(file.path(), text).unwrap();
    let next = "the next secret of the server";
    write(&format!("{SECRET}\n"));
    let settings = [("auth.modes", "next-auth"), ("auth.next_auth.secret_file", file.path().to_str().unwrap())];
    let node = Node::start_with(&settings).await;
    let (old, new) = (cookie("ann"), session_cookies(SECURE, &token(next, "ann", 600)));
    assert_eq!((status(&node, &old).await, status(&node, &new).await), (200, 401));
    write(&format!("{next}\n{SECRET}\n"));
    wait_until("the new secret", async || status(&node, &new).await == 200).await;
    assert_eq!(status(&node, &old).await, 200, "both are accepted during the rotation");
    write(next);
    wait_until("the end of the old secret", async || status(&node, &old).await == 401).await;
    assert_eq!(status(&node, &new).await, 200);
}

#[tokio::test]
async fn users_have_the_namespace_of_their_server_and_reach_the_systems_that_accept_them() {
    let settings = [("auth.next_auth.name", "web"), ("auth.next_auth.systems", "clockit")];
    let node = Node::start_with(&[&MODE[..], &settings].concat()).await;
    let cookies = cookie("42");
    assert_eq!(user(&node, &cookies).await, "web:42");
    assert!(connect_socketio(&node, &cookies).await.1.starts_with("44{"), "rooms do not accept it");
    let node = Node::start_with(&[&MODE[..], &[("auth.next_auth.systems", "rooms")]].concat()).await;
    assert_eq!(status(&node, &cookies).await, 401);
    assert!(connect_socketio(&node, &cookies).await.1.starts_with("40{"));
}

#[tokio::test]
async fn of_cookies_of_two_servers_a_valid_one_counts_and_that_of_next_auth_first() {
    let redis = RedisServer::start();
    let settings = [("auth.modes", "express-session,next-auth"), ("auth.next_auth.secret", SECRET)];
    let node = start(&redis, &settings).await;
    let express = log_in(&redis, json!("ben"), json!(7)).cookie;
    let (valid, invalid) = (cookie("ann"), format!("{PLAIN}=x"));
    assert_eq!(user(&node, &express).await, "ben");
    assert_eq!(user(&node, &format!("{express}; {valid}")).await, "ann");
    assert_eq!(user(&node, &format!("{express}; {invalid}")).await, "ben");
    assert_eq!(user(&node, &format!("connect.sid=x; {valid}")).await, "ann", "a visitor of the express server");
    assert_eq!(status(&node, &format!("connect.sid=x; {invalid}")).await, 401);
    let studio = [("auth.next_auth.systems", "clockit"), settings[0], settings[1]];
    let node = start(&redis, &studio).await;
    let both = format!("{express}; {valid}");
    assert_eq!(user(&node, &both).await, "ann");
    let (mut member, answer) = connect_socketio(&node, &both).await;
    assert!(answer.starts_with("40{"), "{answer}");
    member.must("session:create", Value::Null).await;
    let listed = node.get_internal("/admin/connections?organization=7").await.json();
    assert_eq!(listed["connections"][0]["user"], "ben", "the login of the other systems: {listed}");
}

#[tokio::test]
async fn a_punch_by_cookie_needs_the_origin_of_an_allowed_page_and_shows_its_person() {
    const PAGE: (&str, &str) = ("origin", "https://page.org");
    let node = Node::start_with(&[&MODE[..], &[("public.origins", "https://page.org")]].concat()).await;
    let claims = json!({ "id": "42", "name": "Ann Ümit", "email": "ann@example.org", "exp": 4_000_000_000_u64 });
    let cookies = session_cookies(PLAIN, &session_token(SECRET, &claims));
    let cookie = ("cookie", cookies.as_str());
    let beacon = ("content-type", "text/plain;charset=UTF-8");
    let punch =
        json!({ "entries": [{ "id": 1, "timestamp": get_current_timestamp() * 1000, "type": "IN" }] }).to_string();
    let punch = punch.as_bytes();
    for (method, path) in [
        ("POST", "/api/session"),
        ("DELETE", "/api/session"),
        ("PUT", "/api/session/zone"),
        ("POST", "/api/heartbeat"),
        ("POST", "/api/daily-logs"),
    ] {
        for headers in [&[cookie][..], &[cookie, beacon], &[cookie, ("origin", "https://evil.org")]] {
            let refused = node.http(method, path, headers, punch).await;
            assert_eq!(refused.status, 403, "{method} {path} with {headers:?}");
            assert!(refused.body.contains("public.origins"), "{}", refused.body);
        }
    }
    let read = async || node.http("GET", "/api/session", &[cookie], b"").await.json()["data"].clone();
    assert_eq!(read().await["entries"], json!([]), "nothing was changed");
    let saved = node.http("POST", "/api/session", &[cookie, beacon, PAGE], punch).await;
    assert_eq!(saved.status, 200, "{}", saved.body);
    for document in [saved.json()["data"].clone(), read().await] {
        let person = (&document["userId"], &document["userName"], &document["userEmail"]);
        assert_eq!(person, (&json!("42"), &json!("Ann Ümit"), &json!("ann@example.org")));
        assert_eq!(document["currentStatus"], "IN");
    }
    let live = "/api/session/live";
    assert_eq!(Client::connect_with(node.public, live, &[cookie]).await.closed().await.0, 4403);
    let mut live = Client::connect_with(node.public, live, &[cookie, PAGE]).await;
    assert_eq!(live.next_of("session").await["payload"]["userName"], "Ann Ümit");
}

#[tokio::test]
async fn session_tokens_and_secrets_are_never_logged() {
    let node = Node::start_with(&[&MODE[..], &[("log.level", "trace")]].concat()).await;
    let (good, foreign) = (token(SECRET, "ann", 600), token("the secret of another server", "ann", 600));
    for token in [&good, &foreign] {
        let cookies = session_cookies(PLAIN, token);
        status(&node, &cookies).await;
        connect_socketio(&node, &cookies).await;
        Client::connect_with(node.public, "/session", &[("cookie", &cookies)]).await.close(1000, "").await;
    }
    let log = node.log();
    assert!(log.contains("auth.next_auth.secret is not that of the web server"), "the first foreign token is logged");
    for secret in [&good, &foreign, SECRET] {
        assert!(!log.contains(secret), "the log contains a session token");
    }
}

#[tokio::test]
async fn ten_thousand_false_cookies_leave_the_node_at_work() {
    let node = Node::start_with(&MODE).await;
    let cookies = session_cookies(SECURE, &token("the secret of another server", "ann", 600));
    let ask = async || {
        for _ in 0..1250 {
            assert_eq!(status(&node, &cookies).await, 401);
        }
    };
    tokio::join!(ask(), ask(), ask(), ask(), ask(), ask(), ask(), ask());
    assert_eq!(status(&node, &cookie("ann")).await, 200);
}
