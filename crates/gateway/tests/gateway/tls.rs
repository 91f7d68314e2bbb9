//! The public listener with TLS.

use std::path::Path;

use harness::http::request;
use harness::{Certificates, Client, NO_MESSAGE_LIMIT, Node, SocketIo, Tunnel, wait_until};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

async fn node(certificates: &Certificates) -> Node {
    let file = |path: &Path| path.to_string_lossy().into_owned();
    let (certificate, key) = (file(&certificates.certificate()), file(&certificates.key()));
    let settings = [
        ("public.tls.certificate_file", certificate.as_str()),
        ("public.tls.key_file", key.as_str()),
        ("limits.request_within", "2s"),
        NO_MESSAGE_LIMIT,
    ];
    Node::start_with(&settings).await
}

#[tokio::test]
async fn every_kind_of_client_is_served_over_tls() {
    let certificates = Certificates::make();
    let node = node(&certificates).await;
    let tunnel = Tunnel::start(node.public, &certificates.authority());
    assert_eq!(request(tunnel.port(), "GET", "/api/health", &[], b"").await.unwrap().status, 200);
    let mut client = Client::connect(tunnel.port(), "/session?userId=ann").await;
    client.next_of("ready").await;
    client.must("session-start", "a", json!({ "sessionId": "s", "label": "x" })).await;
    let first = client.next_of("tick").await["payload"]["elapsedMs"].as_u64().unwrap();
    let second = client.next_of("tick").await["payload"]["elapsedMs"].as_u64().unwrap();
    assert_eq!(second - first, 1000);
    client.pings(b"still there").await;
    let (mut host, room) = SocketIo::host(tunnel.port()).await;
    let (mut guest, _) = SocketIo::guest(tunnel.port(), &room).await;
    host.must("timer:start", json!(60)).await;
    guest.next_of("timer:tick").await;
    client.close(1000, "").await;
    assert_eq!(client.closed().await.0, 1000);
    // Clients without TLS are disconnected, and so are silent ones.
    assert!(request(node.public, "GET", "/api/health", &[], b"").await.is_err());
}

#[tokio::test]
async fn large_bursts_arrive_complete_and_in_order_over_tls_in_both_directions() {
    let certificates = Certificates::make();
    let node = node(&certificates).await;
    let tunnel = Tunnel::start(node.public, &certificates.authority());
    let mut client = Client::connect(tunnel.port(), "/session?userId=ann&dialect=v1").await;
    let label = "x".repeat(500);
    let goals: Vec<_> = (0..100).map(|nth| json!({ "id": nth.to_string(), "title": label })).collect();
    let payload = json!({ "sessionId": "s", "label": label, "goals": goals });
    for nth in 0..200 {
        let message = json!({ "type": "session-start", "id": nth, "payload": payload });
        client.feed(Message::text(message.to_string())).await;
    }
    client.flush().await;
    let mut acknowledged = 0;
    while acknowledged < 200 {
        let message = client.next().await;
        if message["type"] == "ack" {
            assert_eq!(message["id"], acknowledged);
            acknowledged += 1;
        }
    }
}

#[tokio::test]
async fn a_socket_io_client_that_reads_late_receives_everything_over_tls() {
    let certificates = Certificates::make();
    let node = node(&certificates).await;
    let tunnel = Tunnel::start(node.public, &certificates.authority());
    let (mut host, room) = SocketIo::host(tunnel.port()).await;
    let mut names = Vec::new();
    for nth in 0..60 {
        let name = format!("{nth:02}{}", "x".repeat(78));
        let mut member = SocketIo::connect(tunnel.port()).await;
        member.must("session:join", json!({ "sessionId": room, "name": name })).await;
        names.push((name, member));
    }
    // The host has read no message so far; each lists all members.
    for (name, _) in &names {
        assert_eq!(host.next_of("session:user-joined").await["client"]["name"], *name);
    }
}

#[tokio::test]
async fn a_certificate_is_replaced_without_a_restart_and_an_invalid_one_is_ignored() {
    let certificates = Certificates::make();
    let node = node(&certificates).await;
    let old_authority = tempfile::NamedTempFile::new().unwrap();
    std::fs::copy(certificates.authority(), old_authority.path()).unwrap();
    let old = Tunnel::start(node.public, old_authority.path());
    let mut stays = Client::connect(old.port(), "/session?userId=ann").await;
    stays.next_of("ready").await;
    let good = std::fs::read(certificates.key()).unwrap();
    std::fs::remove_file(certificates.key()).unwrap();
    wait_until("the failure is logged", async || node.log().contains("the certificate can't be read")).await;
    std::fs::write(certificates.key(), good).unwrap();
    std::fs::write(certificates.certificate(), "nonsense").unwrap();
    wait_until("the failure is logged", async || node.log().contains("the new certificate can't be used")).await;
    assert!(request(old.port(), "GET", "/api/health", &[], b"").await.is_ok(), "the old one stays");
    certificates.replace_with(&Certificates::make());
    let new = Tunnel::start(node.public, &certificates.authority());
    wait_until("the new one", async || request(new.port(), "GET", "/api/health", &[], b"").await.is_ok()).await;
    assert!(request(old.port(), "GET", "/api/health", &[], b"").await.is_err());
    stays.must("session-start", "a", json!({ "label": "x" })).await;
}

#[tokio::test]
async fn an_unusable_certificate_is_reported_at_the_start() {
    let certificates = Certificates::make();
    std::fs::write(certificates.key(), "nonsense").unwrap();
    let file = |path: &Path| path.to_string_lossy().into_owned();
    let (certificate, key) = (file(&certificates.certificate()), file(&certificates.key()));
    let settings = [("public.tls.certificate_file", certificate.as_str()), ("public.tls.key_file", key.as_str())];
    let mut node = Node::launch(&settings);
    assert_eq!(node.ended().await.code(), Some(78));
    assert!(
        node.log().contains("public.tls.key_file cannot be used: ") && node.log().contains("server.key"),
        "{}",
        node.log()
    );
}
