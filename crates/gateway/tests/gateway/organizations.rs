//! The organisation of an identity: its sources, the log, and the operator's view of it.

use harness::{Node, RedisServer, SocketIo, wait_until};
use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use serde_json::{Value, json};

use super::rooms::{opened, polling};
use super::sessions::{log_in, start};

pub(super) const SECRET: &str = "a secret of sixteen bytes";

const PARTNERS: &str = "the secret of a partner's";

const HEADERS: [(&str, &str); 2] = [("x-test-user-id", "42"), ("x-test-org-id", "7")];

pub(super) fn token(secret: &str, mut claims: Value) -> String {
    claims["exp"] = json!(get_current_timestamp() + 600);
    encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

async fn connect(node: &Node, user: &str, organization: &str) -> SocketIo {
    let headers = [("x-test-user-id", user), ("x-test-org-id", organization)];
    let mut client = SocketIo::open_with(node.public, "", &headers).await;
    client.say("40").await;
    let answer = client.text().await;
    assert!(answer.starts_with("40{"), "{answer}");
    client
}

/// Polls until the reply to CONNECT has arrived, skipping pings.
async fn namespace_answer(node: &Node, path: &str) -> String {
    loop {
        let response = node.get(path).await;
        assert_eq!(response.status, 200, "{response:?}");
        if let Some(answer) = response.body.split('\u{1e}').find(|packet| packet.starts_with('4')) {
            return answer.to_owned();
        }
    }
}

/// Returns the users and organisations of the listed connections.
pub(super) async fn listed(node: &Node, filter: &str) -> Vec<(Value, Value)> {
    let answer = node.get_internal(&format!("/admin/connections?{filter}")).await.json();
    let connections = answer["connections"].as_array().unwrap();
    assert_eq!(answer["count"], json!(connections.len()), "{answer}");
    connections.iter().map(|connection| (connection["user"].clone(), connection["organization"].clone())).collect()
}

pub(super) fn of(user: &str, organization: &str) -> (Value, Value) {
    (json!(user), json!(organization))
}

async fn order_disconnect(node: &Node, body: &Value) -> u16 {
    let headers = [("content-type", "application/json")];
    node.http_internal("POST", "/admin/disconnect", &headers, body.to_string().as_bytes()).await.status
}

#[tokio::test]
async fn the_organization_comes_from_the_session() {
    let redis = RedisServer::start();
    let node = start(&redis, &[("auth.express_session.name", "web")]).await;
    let mut clients = Vec::new();
    for (user, organization) in [(json!(42), json!(7)), (json!("43"), json!("8")), (json!(44), Value::Null)] {
        let session = log_in(&redis, user, organization);
        // Another user or organization that the client names is ignored.
        let headers = [("cookie", session.cookie.as_str()), ("x-test-user-id", "1"), ("x-test-org-id", "99")];
        let mut client = SocketIo::open_with(node.public, "&organizationId=99", &headers).await;
        let answer = client.connect_namespace(&json!({ "organizationId": 99 })).await;
        assert!(answer.starts_with("40{"), "{answer}");
        clients.push(client);
    }
    let all = listed(&node, "").await;
    assert_eq!(all, [of("web:42", "web:7"), of("web:43", "web:8"), (json!("web:44"), Value::Null)]);
    assert_eq!(listed(&node, "organization=web:7").await, [of("web:42", "web:7")]);
    assert_eq!(listed(&node, "organization=web:7&user=web:43").await, []);
    assert_eq!(listed(&node, "organization=99").await, []);
}

#[tokio::test]
async fn the_organization_comes_from_the_configured_claims_of_each_issuer() {
    let settings = [
        ("auth.modes", "jwt"),
        ("auth.jwt.secret", SECRET),
        ("auth.jwt.issuer", "main"),
        ("auth.jwt.organization_claims", "tenant,app.org"),
        ("auth.issuers.acme.secret", PARTNERS),
        ("auth.issuers.acme.issuer", "acme"),
    ];
    let node = Node::start_with(&settings).await;
    let main = |claims| (SECRET, claims);
    let mut clients = Vec::new();
    for (secret, claims) in [
        main(json!({ "iss": "main", "sub": "ann", "tenant": 7 })),
        main(json!({ "iss": "main", "sub": "ben", "app": { "org": "8" } })),
        main(json!({ "iss": "main", "sub": "cem", "organizationId": 7 })),
        (PARTNERS, json!({ "iss": "acme", "sub": "ann", "org_id": 7 })),
    ] {
        clients.push(SocketIo::connect_as(node.public, &json!({ "token": token(secret, claims) })).await);
    }
    let expected = [of("ann", "7"), of("ben", "8"), (json!("cem"), Value::Null), of("acme:ann", "acme:7")];
    assert_eq!(listed(&node, "").await, expected);
    assert_eq!(listed(&node, "organization=7").await, [of("ann", "7")], "two issuers do not meet in an organisation");
    let foreign = token(SECRET, json!({ "iss": "main", "sub": "eve", "tenant": "acme:7" }));
    let mut client = SocketIo::open(node.public, &format!("&token={foreign}")).await;
    client.say("40").await;
    assert_eq!(client.text().await, r#"44{"message":"Unauthorized"}"#);
}

#[tokio::test]
async fn a_fresh_token_of_another_organization_closes_a_socket() {
    let node = Node::start_with(&[("auth.modes", "jwt"), ("auth.jwt.secret", SECRET)]).await;
    let login = |organization: u32| token(SECRET, json!({ "sub": "ann", "org_id": organization }));
    let mut client = SocketIo::connect_as(node.public, &json!({ "token": login(7) })).await;
    client.must("auth", json!({ "token": login(7) })).await;
    let mut guest = SocketIo::connect(node.public).await;
    guest.must("auth", json!({ "token": login(8) })).await;
    assert_eq!(listed(&node, "").await, [of("ann", "7"), of("ann", "8")], "a guest becomes a member");
    client.emit("auth", json!({ "token": login(8) })).await;
    assert_eq!(client.is_disconnected().await, 4403);
    guest.must("session:create", Value::Null).await;
}

#[tokio::test]
async fn development_headers_name_a_user_and_an_organization() {
    let settings = [("auth.modes", "jwt"), ("auth.jwt.secret", SECRET), ("socketio.anonymous", "false")];
    let node = Node::start_with(&[&settings[..], &[("auth.test_headers", "true")]].concat()).await;
    assert!(node.log().contains("AUTH IS OFF"), "the log warns");
    assert_eq!(node.http("GET", "/sessions", &HEADERS, b"").await.status, 200);
    assert_eq!(node.http("GET", "/sessions", &HEADERS[1..], b"").await.status, 401);
    let mut client = harness::Client::connect_with(node.public, "/session", &HEADERS).await;
    client.must("session-start", "a", json!({ "label": "x" })).await;
    // The default transports of the Socket.IO client: long polling first.
    let open = node.http("GET", "/socket.io/?EIO=4&transport=polling", &HEADERS, b"").await.body;
    let path = polling(&serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap());
    assert_eq!(node.http("POST", &path, &[], b"40").await.body, "ok");
    assert!(namespace_answer(&node, &path).await.starts_with(r#"40{"sid":""#));
    assert_eq!(listed(&node, "organization=7").await, [of("42", "7"), of("42", "7")]);
    let path = polling(&opened(&node).await);
    assert_eq!(node.http("POST", &path, &[], b"40").await.body, "ok");
    assert_eq!(namespace_answer(&node, &path).await, r#"44{"message":"Unauthorized: No valid session"}"#);
    let off = Node::start_with(&settings).await;
    assert_eq!(off.http("GET", "/sessions", &HEADERS, b"").await.status, 401, "they are off by default");
    assert!(!off.log().contains("AUTH IS OFF"));
}

#[tokio::test]
async fn unknown_events_are_ignored_unless_an_acknowledgement_is_requested() {
    let node = Node::start().await;
    let mut client = SocketIo::connect(node.public).await;
    client.emit("subscribe:organization", json!(7)).await;
    client.emit("subscribe:organization", json!({ "organizationId": 8 })).await;
    let answer = client.ask("no:such-event", Value::Null).await;
    assert_eq!(answer["error"]["code"], "INVALID_PAYLOAD");
    let errors = client.take_pending();
    assert_eq!(errors, [("error".to_owned(), answer["error"].clone())], "the others have none");
    client.must("session:create", Value::Null).await;
}

#[tokio::test]
async fn connecting_and_disconnecting_are_logged_with_the_user_and_the_organization() {
    let node = Node::start_with(&[("auth.test_headers", "true"), ("log.level", "gateway=debug")]).await;
    let mut client = connect(&node, "user-1", "org-1").await;
    client.say("41").await;
    client.say("40").await;
    assert!(client.text().await.starts_with("40{"));
    drop(client);
    let is_logged = |message: &str, times: usize| {
        let log = node.log();
        let of_client = log.lines().filter(|line| line.contains("user-1") && line.contains("org-1"));
        of_client.filter(|line| line.contains(message)).count() == times
    };
    wait_until("the end is logged", async || is_logged("a client has disconnected", 1)).await;
    assert!(
        is_logged("a client has connected", 2) && is_logged("a client has left the namespace", 1),
        "{}",
        node.log()
    );
}

#[tokio::test]
async fn the_clients_of_an_organization_are_disconnected_from_every_node() {
    let redis = RedisServer::start();
    let url = redis.url();
    let start = async |name| {
        Node::start_with(&[("store.url", url.as_str()), ("node.id", name), ("auth.test_headers", "true")]).await
    };
    let nodes = [start("node-a").await, start("node-b").await];
    let mut members = Vec::new();
    let mut page = harness::Client::connect_with(nodes[1].public, "/session", &HEADERS).await;
    page.next_of("ready").await;
    for node in &nodes {
        members.push(connect(node, "ann", "7").await);
        members.push(connect(node, "ben", "7").await);
    }
    let mut others = [connect(&nodes[1], "ann", "8").await, SocketIo::connect(nodes[1].public).await];
    assert_eq!(listed(&nodes[1], "organization=7&user=ben").await, [of("ben", "7")]);
    for body in [json!({ "organization": "" }), json!({ "organization": "7", "user": "ann" })] {
        assert_eq!(order_disconnect(&nodes[0], &body).await, 400, "{body}");
    }
    assert_eq!(order_disconnect(&nodes[0], &json!({ "organization": "7" })).await, 202);
    for member in &mut members {
        assert_eq!(member.is_disconnected().await, 4403);
    }
    assert_eq!(page.closed().await.0, 4403, "whatever the system");
    for other in &mut others {
        other.must("session:create", Value::Null).await;
    }
    let mut again = connect(&nodes[1], "ann", "7").await;
    again.must("session:create", Value::Null).await;
    assert_eq!(order_disconnect(&nodes[0], &json!({ "scope": "org:7" })).await, 202);
    assert_eq!(again.is_disconnected().await, 4403);
}
