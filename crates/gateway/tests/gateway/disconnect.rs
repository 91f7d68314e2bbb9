//! Disconnect orders of operators, on all nodes.

use harness::{Node, Pipe, Proxy, RedisServer, SocketIo, wait_until};
use serde_json::{Value, json};

async fn order_disconnect(node: &Node, body: &Value) -> u16 {
    let headers = [("content-type", "application/json")];
    node.http_internal("POST", "/admin/disconnect", &headers, body.to_string().as_bytes()).await.status
}

#[tokio::test]
async fn a_user_is_disconnected_from_every_node_and_other_users_are_not() {
    let redis = RedisServer::start();
    let nodes = [Node::start_over(&redis, "node-a").await, Node::start_over(&redis, "node-b").await];
    let mut ann = Vec::new();
    for node in &nodes {
        let mut client = node.connect("userId=ann").await;
        client.next_of("ready").await;
        ann.push(client);
    }
    let mut ben = nodes[1].connect("userId=ben").await;
    ben.next_of("ready").await;
    assert_eq!(order_disconnect(&nodes[0], &json!({ "user": "ann" })).await, 202);
    for client in &mut ann {
        assert_eq!(client.closed().await, (4403, "Forbidden".to_owned()));
    }
    ben.must("session-start", "b", json!({ "label": "still here" })).await;
    // The user can connect again; only the issuer can withdraw the credentials.
    let mut again = nodes[1].connect("userId=ann").await;
    again.must("session-start", "a", json!({ "label": "back" })).await;
}

#[tokio::test]
async fn one_connection_or_those_of_a_room_are_disconnected() {
    let node = Node::start_with(&[("node.id", "node-a")]).await;
    let (mut host, room) = SocketIo::host(node.public).await;
    let (mut guest, _) = SocketIo::guest(node.public, &room).await;
    let (mut elsewhere, _) = SocketIo::host(node.public).await;
    let mut ann = node.connect("userId=ann").await;
    ann.next_of("ready").await;
    let mut other = node.connect("userId=ann").await;
    other.next_of("ready").await;
    let listed = node.get_internal("/admin/connections?user=ann").await.json();
    assert_eq!((&listed["count"], listed["connections"].as_array().unwrap().len()), (&json!(2), 2), "{listed}");
    let first = &listed["connections"][0];
    assert_eq!((&first["user"], &first["system"]), (&json!("ann"), &json!("clockit")));
    assert!(first["id"].as_str().unwrap().starts_with("node-a-") && first["address"] == "127.0.0.1", "{first}");
    let all = node.get_internal("/admin/connections?limit=3").await.json();
    assert_eq!((&all["count"], all["connections"].as_array().unwrap().len()), (&json!(5), 3), "{all}");
    assert_eq!(
        node.get_internal("/admin/connections?user=nobody").await.json(),
        json!({ "connections": [], "count": 0 })
    );
    assert_eq!(all["connections"][0]["room"], json!(room));

    assert_eq!(order_disconnect(&node, &json!({ "connection": first["id"] })).await, 202);
    assert_eq!(ann.closed().await.0, 4403);
    assert_eq!(order_disconnect(&node, &json!({ "scope": format!("room:{room}") })).await, 202);
    for member in [&mut host, &mut guest] {
        assert_eq!(member.is_disconnected().await, 4403);
    }
    other.must("session-start", "a", json!({ "label": "x" })).await;
    elsewhere.must("timer:start", json!(60)).await;
}

#[tokio::test]
async fn invalid_orders_are_refused_and_pages_cannot_send_them() {
    let node = Node::start().await;
    for body in [
        json!({}),
        json!({ "user": "a", "scope": "user:a" }),
        json!({ "user": "" }),
        json!({ "user": 7 }),
        json!({ "usr": "a" }),
        json!({ "scope": "cluster:all" }),
        json!({ "scope": "planet:1" }),
        json!(7),
    ] {
        assert_eq!(order_disconnect(&node, &body).await, 400, "{body}");
    }
    let simple = [("content-type", "text/plain")];
    let asked = node.http_internal("POST", "/admin/disconnect", &simple, br#"{"user":"ann"}"#).await;
    assert_eq!(asked.status, 415);
    for (method, path) in [("GET", "/admin/connections"), ("POST", "/admin/disconnect")] {
        assert_eq!(node.http(method, path, &[], b"").await.status, 404, "the public listener does not serve it");
    }
}

#[tokio::test]
async fn a_node_whose_link_was_down_receives_orders_when_the_link_is_restored() {
    let redis = RedisServer::start();
    let proxy = Proxy::start(redis.port()).await;
    let near = Node::start_over(&redis, "node-a").await;
    let url = format!("redis://127.0.0.1:{}", proxy.port());
    let far = Node::start_with(&[("store.url", &url), ("node.id", "node-b")]).await;
    let mut ann = far.connect("userId=ann").await;
    ann.next_of("ready").await;
    proxy.set(Pipe::Dropped, Pipe::Dropped);
    wait_until("its link is down", async || far.get_internal("/readyz").await.status == 503).await;
    assert_eq!(order_disconnect(&near, &json!({ "user": "ann" })).await, 202);
    proxy.heal();
    assert_eq!(ann.closed().await.0, 4403);
}
