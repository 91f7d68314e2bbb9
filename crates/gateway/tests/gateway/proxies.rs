//! The client addresses that proxies report.

use harness::{Client, Node};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn address_behind(node: &Node, headers: &[(&'static str, &str)]) -> String {
    let mut client = Client::connect_with(node.public, "/session?userId=ann", headers).await;
    client.next_of("ready").await;
    let listed = node.get_internal("/admin/connections?user=ann").await.json();
    listed["connections"].as_array().unwrap().last().unwrap()["address"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn only_the_configured_header_of_a_trusted_proxy_is_used() {
    let forged = [("x-forwarded-for", "203.0.113.1"), ("forwarded", "for=203.0.113.2")];
    let node = Node::start().await;
    assert_eq!(address_behind(&node, &forged).await, "127.0.0.1");
    let node = Node::start_with(&[("public.proxy.networks", "127.0.0.1")]).await;
    assert_eq!(address_behind(&node, &forged).await, "203.0.113.1");
    let forwarded = [("public.proxy.networks", "127.0.0.1"), ("public.proxy.header", "forwarded")];
    let node = Node::start_with(&forwarded).await;
    assert_eq!(address_behind(&node, &forged).await, "203.0.113.2");
}

/// Returns a PROXY protocol header, version 2, for a client at 203.0.113.7, or for a health check of the proxy.
fn proxy_header(command: u8) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([0x20 | command, 0x11, 0, 12, 203, 0, 113, 7, 127, 0, 0, 1, 0x1f, 0x90, 0x0f, 0xa0]);
    header
}

async fn answer(node: &Node, first: &[u8]) -> String {
    let mut tcp = TcpStream::connect(("127.0.0.1", node.public)).await.unwrap();
    tcp.write_all(first).await.unwrap();
    tcp.write_all(b"GET /api/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.ok();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.ok();
    answer
}

#[tokio::test]
async fn a_proxy_header_is_accepted_only_from_a_trusted_proxy() {
    let settings = [
        ("public.proxy.networks", "127.0.0.1"),
        ("public.proxy.protocol", "true"),
        ("limits.connections_per_address", "1"),
        ("limits.request_within", "1s"),
    ];
    let node = Node::start_with(&settings).await;
    for command in [0, 1] {
        assert!(answer(&node, &proxy_header(command)).await.starts_with("HTTP/1.1 200"), "{command}");
    }
    for wrong in [&b""[..], b"PROXY TCP4 203.0.113.7 127.0.0.1 1 2\r\n", &proxy_header(7), &[0; 64]] {
        assert_eq!(answer(&node, wrong).await, "", "{wrong:?}");
    }
    // The client is counted, not the proxy.
    let mut held = TcpStream::connect(("127.0.0.1", node.public)).await.unwrap();
    held.write_all(&proxy_header(1)).await.unwrap();
    held.write_all(b"GET /api/health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    held.read_u8().await.unwrap();
    assert_eq!(answer(&node, &proxy_header(1)).await, "", "it has one");
    assert!(answer(&node, &proxy_header(0)).await.starts_with("HTTP/1.1 200"));
    drop(held);
    let settings = [("public.proxy.networks", "10.0.0.0/8"), ("public.proxy.protocol", "true")];
    let node = Node::start_with(&settings).await;
    assert!(answer(&node, b"").await.starts_with("HTTP/1.1 200"), "the sender is not a trusted proxy");
    assert!(answer(&node, &proxy_header(1)).await.starts_with("HTTP/1.1 400"), "the sender is not a trusted proxy");
}
