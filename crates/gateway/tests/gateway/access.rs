//! Authentication at the handshake, and limits on connections.

use harness::http::UPGRADE;
use harness::{Client, Node, wait_until};
use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use serde_json::json;

const SECRET: &str = "a secret of sixteen bytes";

fn token(user: &str, expires_in: i64) -> String {
    let expires = i64::try_from(get_current_timestamp()).unwrap() + expires_in;
    let claims = json!({ "id": user, "exp": expires });
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

#[tokio::test]
async fn in_jwt_mode_a_token_is_required_and_selects_dialect_v1() {
    let node = Node::start_with(&[("auth.modes", "jwt"), ("auth.jwt.secret", SECRET)]).await;
    let good = token("ann", 600);
    let mut client = node.connect(&format!("token={good}")).await;
    client.next_of("ready").await;
    client.must("session-start", "a", json!({ "sessionId": "s", "label": "x" })).await;
    assert!(client.next_of("tick").await["payload"].is_array());
    let bearer = format!("Bearer {good}");
    let mut client = Client::connect_with(node.public, "/session", &[("authorization", &bearer)]).await;
    assert_eq!(client.next().await["payload"][0]["userId"], "ann");
    let expired = token("ann", -600);
    for refused in [
        "userId=ann".to_owned(),
        "userId=".to_owned(),
        "token=".to_owned(),
        "token=nonsense".to_owned(),
        format!("token={expired}"),
        format!("token={good}&userId=ben"),
    ] {
        let mut client = node.connect(&refused).await;
        assert_eq!(client.closed().await, (4401, "Unauthorized".to_owned()), "{refused}");
    }
    assert!(!node.log().contains(&good) && !node.log().contains(SECRET), "secrets are not logged");
    assert!(!node.log().contains("AUTH IS OFF"));
}

#[tokio::test]
async fn in_trusted_mode_guests_are_admitted_and_the_log_warns() {
    let node = Node::start().await;
    for nothing in ["", "userId=&token="] {
        let mut guest = node.connect(nothing).await;
        guest.next_of("ready").await;
        guest.ask("session-start", None, json!({ "sessionId": "s", "label": "x" })).await;
        let update = guest.next().await;
        assert_eq!(update["type"], "session-update", "guests speak v1");
        assert!(update["payload"]["userId"].as_str().unwrap().starts_with("guest_"));
    }
    assert!(node.log().contains("AUTH IS OFF"));
}

#[tokio::test]
async fn contradictory_user_ids_are_rejected() {
    let node = Node::start().await;
    let mut client = node.connect("userId=ann&userId=ben").await;
    assert_eq!(client.closed().await.0, 4401);
    let twice = node.get("/session?userId=ann&dialect=v1&dialect=seed").await;
    assert_eq!((twice.status, twice.json()["error"].as_str()), (400, Some("Bad request")));
}

#[tokio::test]
async fn connections_of_a_user_are_limited() {
    let node = Node::start_with(&[("limits.connections_per_user", "3")]).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = node.connect("userId=ann").await;
        client.next_of("ready").await;
        clients.push(client);
    }
    let mut beyond = node.connect("userId=ann").await;
    assert_eq!(beyond.closed().await.0, 4429);
    node.connect("userId=ben").await.next_of("ready").await;
}

#[tokio::test]
async fn a_full_node_refuses_handshakes_with_503() {
    let node = Node::start_with(&[("limits.connections", "1")]).await;
    let mut one = node.connect("userId=ann").await;
    one.next_of("ready").await;
    let refused = node.http("GET", "/session?userId=ben", &UPGRADE, b"").await;
    assert_eq!((refused.status, refused.json()["error"].as_str()), (503, Some("Full")));
    let after: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=5).contains(&after), "{after}");
    assert!(node.get_internal("/metrics").await.body.contains("tickcast_refusals_total{reason=\"connections\"} 1"));
    drop(one);
    wait_until("room", async || node.get_internal("/cluster").await.json()["connections"] == 0).await;
    node.connect("userId=ben").await.next_of("ready").await;
}
