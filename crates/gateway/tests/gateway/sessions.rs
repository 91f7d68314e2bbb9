//! Sessions of an express server: which cookies log in, how long, and for whom.

use harness::web_session::{session_cookie, stored};
use harness::{Client, Node, RedisServer, SocketIo, WebSession, wait_until};
use serde_json::{Value, json};

const SECRET: &str = "keyboard cat";

/// The prefix of the original server.
const PREFIX: &str = "rsm:session:";

/// The lifetime that the sessions state.
const LIFETIME: std::ops::RangeInclusive<i64> = 7190..=7200;

pub(super) async fn start(redis: &RedisServer, settings: &[(&str, &str)]) -> Node {
    let url = redis.url();
    let sessions = [
        ("store.url", url.as_str()),
        ("auth.modes", "express-session"),
        ("auth.express_session.secret", SECRET),
        ("auth.express_session.prefix", PREFIX),
        ("socketio.anonymous", "false"),
    ];
    Node::start_with(&[&sessions, settings].concat()).await
}

pub(super) fn log_in(redis: &RedisServer, user: Value, organization: Value) -> WebSession {
    WebSession::log_in(redis, PREFIX, SECRET, &user, &organization)
}

/// Returns the reply to CONNECT of a Socket.IO client with a cookie.
async fn connect_socketio(node: &Node, cookie: &str) -> (SocketIo, String) {
    let mut client = SocketIo::open_with(node.public, "", &[("cookie", cookie)]).await;
    client.say("40").await;
    let answer = client.text().await;
    (client, answer)
}

async fn status(node: &Node, cookie: &str) -> u16 {
    node.http("GET", "/sessions", &[("cookie", cookie)], b"").await.status
}

#[tokio::test]
async fn a_cookie_logs_in_if_its_signature_and_its_session_are_valid() {
    let redis = RedisServer::start();
    let secrets = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secrets.path(), "the next secret\nkeyboard cat\n").unwrap();
    let file = secrets.path().to_string_lossy().into_owned();
    let url = redis.url();
    let node = Node::start_with(&[
        ("store.url", &url),
        ("auth.modes", "express-session"),
        ("auth.express_session.secret_file", &file),
        ("auth.express_session.prefix", PREFIX),
        ("socketio.anonymous", "false"),
    ])
    .await;
    let session = log_in(&redis, json!(42), json!(7));
    let sid = session.key.strip_prefix(PREFIX).unwrap();
    let valid = &session.cookie;
    assert_eq!(status(&node, valid).await, 200);
    assert_eq!(status(&node, &format!("theme=dark; {valid}; a=b")).await, 200);
    assert_eq!(status(&node, &session_cookie(sid, "the next secret")).await, 200, "while the secret is rotated");
    assert!(connect_socketio(&node, valid).await.1.starts_with(r#"40{"sid":""#));
    let unsigned = valid.replace("s%3A", "");
    assert!(unsigned.len() < valid.len());
    for refused in [
        unsigned,
        format!("{valid}%3D"),
        format!("{valid}="),
        valid.replace("session%2D", "session%2E"),
        session_cookie(sid, "another secret"),
        session_cookie(sid, ""),
        session_cookie("nobody", SECRET),
        format!("connect.sid=s%3A{sid}"),
        "connect.sid=".to_owned(),
        String::new(),
    ] {
        assert_eq!(status(&node, &refused).await, 401, "{refused}");
        let (_, answer) = connect_socketio(&node, &refused).await;
        assert_eq!(answer, r#"44{"message":"Unauthorized: No valid session"}"#, "{refused}");
    }
    session.log_out(&redis);
    assert_eq!(status(&node, valid).await, 401);
}

#[tokio::test]
async fn a_session_needs_a_user_and_no_organization() {
    let redis = RedisServer::start();
    let node = start(&redis, &[]).await;
    let session = log_in(&redis, json!(42), json!(7));
    let minimal = json!({ "userId": "42", "organizationId": "7" });
    for accepted in [stored(&json!("ann"), &Value::Null), stored(&json!(42), &json!("")), minimal] {
        session.store(&redis, &accepted);
        assert_eq!(status(&node, &session.cookie).await, 200, "{accepted}");
        assert!(connect_socketio(&node, &session.cookie).await.1.starts_with("40{"), "{accepted}");
    }
    for refused in [stored(&Value::Null, &json!(7)), json!({ "organizationId": 7 }), json!([]), json!("42")] {
        session.store(&redis, &refused);
        assert_eq!(status(&node, &session.cookie).await, 401, "{refused}");
    }
}

#[tokio::test]
async fn requests_extend_a_session_and_sockets_do_not() {
    let redis = RedisServer::start();
    let node = start(&redis, &[("auth.express_session.check_every", "1s")]).await;
    let session = log_in(&redis, json!(42), json!(7));
    redis.command(&["EXPIRE", &session.key, "1000"]).unwrap();
    let (mut socket, _) = connect_socketio(&node, &session.cookie).await;
    let mut client = Client::connect_with(node.public, "/session", &[("cookie", &session.cookie)]).await;
    client.must("session-start", "a", json!({ "label": "x" })).await;
    socket.must("session:create", Value::Null).await;
    // A check reads the session, which Redis counts.
    let reads = || {
        let stats = redis.command(&["INFO", "commandstats"]).unwrap();
        let get = stats.lines().find_map(|line| line.strip_prefix("cmdstat_get:calls=")?.split(',').next());
        get.map_or(0, |calls| calls.parse::<u64>().unwrap())
    };
    let before = reads();
    wait_until("the session is checked", async || reads() >= before + 2).await;
    assert!(session.time_to_live(&redis) <= 1000);
    assert_eq!(status(&node, &session.cookie).await, 200);
    assert!(LIFETIME.contains(&session.time_to_live(&redis)), "{}", session.time_to_live(&redis));
    let mut endless = stored(&json!(42), &json!(7));
    endless["cookie"]["originalMaxAge"] = Value::Null;
    session.store(&redis, &endless);
    assert_eq!(status(&node, &session.cookie).await, 200);
    assert!((86_390..=86_400).contains(&session.time_to_live(&redis)), "{}", session.time_to_live(&redis));
    let mut fraction = stored(&json!(42), &json!(7));
    fraction["cookie"]["originalMaxAge"] = json!(899_001);
    session.store(&redis, &fraction);
    assert_eq!(status(&node, &session.cookie).await, 200);
    assert!((890..=900).contains(&session.time_to_live(&redis)), "{}", session.time_to_live(&redis));
}

#[tokio::test]
async fn a_socket_closes_when_its_session_ends_or_changes_its_user_or_organization() {
    let redis = RedisServer::start();
    let node = start(&redis, &[("auth.express_session.check_every", "1s")]).await;
    let changes: [(&str, Option<Value>); 5] = [
        ("no session", None),
        ("another user", Some(stored(&json!(43), &json!(7)))),
        ("another organisation", Some(stored(&json!(42), &json!(8)))),
        ("no organisation", Some(stored(&json!(42), &Value::Null))),
        ("no user", Some(stored(&Value::Null, &json!(7)))),
    ];
    let unchanged = log_in(&redis, json!(42), json!(7));
    let (mut stays, _) = connect_socketio(&node, &unchanged.cookie).await;
    // The session is written again, as text instead of numbers: the same login.
    unchanged.store(&redis, &stored(&json!("42"), &json!("7")));
    for (change, content) in changes {
        let session = log_in(&redis, json!(42), json!(7));
        let (mut socket, answer) = connect_socketio(&node, &session.cookie).await;
        assert!(answer.starts_with("40{"), "{change}: {answer}");
        let mut client = Client::connect_with(node.public, "/session", &[("cookie", &session.cookie)]).await;
        client.next_of("ready").await;
        match content {
            Some(content) => session.store(&redis, &content),
            None => session.log_out(&redis),
        }
        assert_eq!(socket.is_disconnected().await, 4401, "{change}");
        assert_eq!(client.closed().await.0, 4401, "{change}");
    }
    stays.must("session:create", Value::Null).await;
}
