//! Which sockets see what happens in an organisation, as identities come, change and go.

use harness::{Node, RedisServer, SocketIo};
use serde_json::{Value, json};

use super::organizations::{SECRET, listed, of, token};
use super::sessions::{log_in, start};

const RPC: &str = "/api/trpc/timeTracking";

/// Starts a timer for a project, with headers that authenticate the caller.
async fn start_timer(node: &Node, login: &[(&str, &str)], project: u32) {
    let headers = [login, &[("content-type", "application/json")]].concat();
    let body = json!({ "taskTypeId": 1, "projectId": project }).to_string();
    let response = node.http("POST", &format!("{RPC}.timer.start"), &headers, body.as_bytes()).await;
    assert_eq!(response.status, 200, "{response:?}");
}

/// Connects to the namespace with headers that authenticate the client.
async fn connect(node: &Node, login: &[(&'static str, &str)]) -> SocketIo {
    let mut client = SocketIo::open_with(node.public, "", login).await;
    let answer = client.connect_namespace(&json!({})).await;
    assert!(answer.starts_with("40{"), "{answer}");
    client
}

/// Waits for the start of the timer of a project, which must be the next event.
async fn sees_start(client: &mut SocketIo, project: u32) {
    let (name, event) = client.next().await;
    assert_eq!((name.as_str(), &event["projectId"]), ("timer:started", &json!(project)), "{event}");
}

/// Checks that nothing was sent: a request is answered, and no event precedes its answer.
async fn sees_nothing(client: &mut SocketIo) {
    client.must("session:create", Value::Null).await;
    let seen = client.take_pending();
    assert!(seen.iter().all(|(name, _)| !name.starts_with("timer:started")), "{seen:?}");
}

#[tokio::test]
async fn a_socket_sees_its_own_organization_from_its_admission_on_and_no_other() {
    let redis = RedisServer::start();
    let node = start(&redis, &[("socketio.anonymous", "true")]).await;
    let [ann, ben, cem] =
        [(42, json!(7)), (43, json!("7")), (44, json!(8))].map(|(id, of)| log_in(&redis, json!(id), of));
    let mut members =
        [connect(&node, &[("cookie", &ann.cookie)]).await, connect(&node, &[("cookie", &ben.cookie)]).await];
    let mut other = connect(&node, &[("cookie", &cem.cookie)]).await;
    let without = log_in(&redis, json!(45), Value::Null);
    let mut outsiders = [SocketIo::connect(node.public).await, connect(&node, &[("cookie", &without.cookie)]).await];
    start_timer(&node, &[("cookie", &ann.cookie)], 1).await;
    for member in &mut members {
        sees_start(member, 1).await;
    }
    start_timer(&node, &[("cookie", &cem.cookie)], 2).await;
    sees_start(&mut other, 2).await;
    for outsider in &mut outsiders {
        sees_nothing(outsider).await;
    }
    let response = node.http("GET", &format!("{RPC}.taskTypes.list"), &[("cookie", &without.cookie)], b"").await;
    assert_eq!(response.status, 401, "a login without an organisation is none for Studio: {response:?}");
    // A member of a room is one of the organisation, too.
    members[0].must("session:create", Value::Null).await;
    start_timer(&node, &[("cookie", &ben.cookie)], 3).await;
    assert_eq!(members[0].next_of("timer:started").await["projectId"], 3);
    members[0].must("timer:start", json!(60)).await;
}

#[tokio::test]
async fn a_token_that_is_limited_to_rooms_shows_nothing_of_its_organization() {
    let settings = [
        ("auth.modes", "jwt"),
        ("auth.jwt.secret", SECRET),
        ("auth.jwt.issuer", "main"),
        ("auth.issuers.acme.secret", "the secret of a partner's"),
        ("auth.issuers.acme.issuer", "acme"),
        ("auth.issuers.acme.systems", "rooms"),
        ("auth.test_headers", "true"),
    ];
    let node = Node::start_with(&settings).await;
    let main = token(SECRET, json!({ "iss": "main", "sub": "ann", "org_id": 7 }));
    let limited = token("the secret of a partner's", json!({ "iss": "acme", "sub": "ann", "org_id": 7 }));
    let bearer = format!("Bearer {main}");
    let refused = format!("Bearer {limited}");
    let response =
        node.http("GET", &format!("{RPC}.taskTypes.list"), &[("authorization", refused.as_str())], b"").await;
    assert_eq!(response.status, 401);
    let mut partner = SocketIo::connect_as(node.public, &json!({ "token": limited })).await;
    let mut member = SocketIo::connect_as(node.public, &json!({ "token": main })).await;
    // The organisation of the limited token, named by headers that no issuer limits.
    let headers = [("x-test-user-id", "acme:ben"), ("x-test-org-id", "acme:7")];
    let mut colleague = connect(&node, &headers).await;
    assert_eq!(listed(&node, "organization=acme:7").await, [of("acme:ann", "acme:7"), of("acme:ben", "acme:7")]);
    start_timer(&node, &headers, 1).await;
    sees_start(&mut colleague, 1).await;
    start_timer(&node, &[("authorization", &bearer)], 1).await;
    sees_start(&mut member, 1).await;
    sees_nothing(&mut partner).await;
    // The client that leaves and returns with a token for all systems is served by all of them.
    partner.say("41").await;
    let answer = partner.connect_namespace(&json!({ "token": main })).await;
    assert!(answer.starts_with("40{"), "{answer}");
    start_timer(&node, &[("authorization", &bearer)], 2).await;
    sees_start(&mut partner, 2).await;
    partner.must("session:create", Value::Null).await;
}

#[tokio::test]
async fn a_guest_sees_an_organization_once_it_has_authenticated() {
    let node = Node::start_with(&[("auth.modes", "jwt"), ("auth.jwt.secret", SECRET)]).await;
    let ann = token(SECRET, json!({ "sub": "ann", "org_id": 7 }));
    let bearer = format!("Bearer {ann}");
    let (mut guest, room) = SocketIo::host(node.public).await;
    start_timer(&node, &[("authorization", &bearer)], 1).await;
    guest.must("auth", json!({ "token": ann })).await;
    assert!(guest.take_pending().iter().all(|(name, _)| name != "timer:started"), "it was a guest then");
    // The subscription precedes the answer to the next request.
    guest.must("timer:start", json!({ "sessionId": room, "duration": 60 })).await;
    start_timer(&node, &[("authorization", &bearer)], 2).await;
    assert_eq!(guest.next_of("timer:started").await["projectId"], 2);
    assert_eq!(listed(&node, "organization=7").await, [of("ann", "7")]);
}
