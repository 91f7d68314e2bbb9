//! Routing of requests to nodes, and the forwarded headers.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use harness::Node;

use crate::balancers::balancer::{Balancer, Kind, Place};
use crate::balancers::stand_in::StandIn;

/// A full node answers 503, and the client reaches another.
pub(crate) async fn a_full_node_is_skipped(kind: &Kind) {
    let full = StandIn::start("503 Service Unavailable", "full").await;
    let node = Node::start().await;
    let balancer = Balancer::start(kind, &[full.place, Place::from(&node), Place::from(&node)]).await;
    let mut clients = Vec::new();
    for nth in 0..12 {
        let mut client = balancer.connect(&format!("userId=u{nth}")).await;
        client.next_of("ready").await;
        clients.push(client);
    }
    assert!(!full.requests_for("/session").is_empty(), "the full node received no request");
    assert_eq!(node.get_internal("/cluster").await.json()["connections"], 12);
}

/// Requests of one address to `/socket.io/` reach one node; those of many addresses reach all nodes.
pub(crate) async fn a_polling_client_stays_on_its_node(kind: &Kind) {
    let nodes =
        [StandIn::start("200 OK", "1").await, StandIn::start("200 OK", "2").await, StandIn::start("200 OK", "3").await];
    let balancer = Balancer::start(kind, &[nodes[0].place, nodes[1].place, nodes[2].place]).await;
    let mut seen = BTreeSet::new();
    for client in 1..=24 {
        let mut answers = BTreeSet::new();
        for _ in 0..4 {
            let address = Ipv4Addr::new(127, 0, 0, client);
            let answer = balancer.http_from(address, "GET", "/socket.io/?EIO=4&transport=polling", b"").await;
            assert_eq!(answer.status, 200, "{answer:?}");
            answers.insert(answer.body);
        }
        assert_eq!(answers.len(), 1, "a client was sent to several nodes");
        seen.append(&mut answers);
    }
    assert_eq!(seen.len(), 3, "all clients were sent to {seen:?}");
}

/// A long-polling client can connect, because all its requests reach one node.
pub(crate) async fn a_polling_client_connects(kind: &Kind) {
    let nodes = [Node::start().await, Node::start().await, Node::start().await];
    let balancer = Balancer::start(kind, &nodes.each_ref().map(Place::from)).await;
    for _ in 0..6 {
        let open = balancer.http("GET", "/socket.io/?EIO=4&transport=polling", &[], b"").await.body;
        let open: serde_json::Value = serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap();
        let path = format!("/socket.io/?EIO=4&transport=polling&sid={}", open["sid"].as_str().unwrap());
        assert_eq!(balancer.http("POST", &path, &[], b"40").await.body, "ok");
        // A ping comes first, possibly in a response of its own.
        let mut heard = String::new();
        while !heard.contains("40{\"sid\":") {
            let answer = balancer.http("GET", &path, &[], b"").await;
            assert_eq!(answer.status, 200, "{answer:?}");
            heard += &answer.body;
        }
    }
}

/// Forged headers of a client are replaced, and its request arrives complete.
pub(crate) async fn a_request_arrives_as_it_was_sent(kind: &Kind) {
    let stand_in = StandIn::start("200 OK", "").await;
    let balancer = Balancer::start(kind, &[stand_in.place; 3]).await;
    let lies = [("x-forwarded-for", "6.6.6.6"), ("forwarded", "for=6.6.6.6"), ("x-forwarded-proto", "https")];
    balancer.http("GET", "/lies", &lies, b"").await;
    let heads = stand_in.requests_for("/lies");
    let head = heads[0].to_ascii_lowercase();
    assert!(head.contains("\r\nx-forwarded-for: 127.0.0.1\r\n") && !head.contains("6.6.6.6"), "{head}");
    assert!(head.contains("\r\nx-forwarded-proto: http\r\n") && head.contains("\r\nhost: localhost\r\n"), "{head}");

    let node = Node::start().await;
    let balancer = Balancer::start(kind, &[Place::from(&node); 3]).await;
    let token = "x".repeat(12 * 1024);
    let answer = balancer.http("GET", &format!("/api/health?token={token}"), &[("cookie", &token)], b"").await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    let rows = "no row\n".repeat(300_000);
    let kind = [("content-type", "text/csv")];
    let answer = balancer.http("POST", "/ingestCsv?userId=ann", &kind, rows.as_bytes()).await;
    assert_eq!(answer.status, 422, "the node's own answer: {}", answer.head);
}
