//! Sessions of a web server in a Redis that fails.

use harness::{Proxy, RedisServer, RedisWithSentinels, wait_until};
use store::redis::Sessions;

const KEY: &str = "sess:1";

fn write(server: &RedisServer, value: &str) {
    assert_eq!(server.command(&["SET", KEY, value]).expect("answers"), "+OK");
}

async fn becomes(sessions: &Sessions, value: &str) {
    wait_until("the session", async || {
        sessions.read(KEY).await.is_ok_and(|session| session.as_deref() == Some(value.as_bytes()))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_read_from_the_primary_that_the_sentinels_name() {
    let redis = RedisWithSentinels::start();
    let old = &redis.servers[0];
    let sessions = Sessions::connect(&redis.url().parse().expect("a valid address"), None).expect("it is accepted");
    write(old, "before");
    becomes(&sessions, "before").await;
    old.refuse_demotion();
    redis.fail_over();
    wait_until("another primary", async || redis.named_primary().is_some_and(|port| port != old.port())).await;
    let new = redis.servers.iter().find(|server| Some(server.port()) == redis.named_primary()).expect("a primary");
    write(new, "after");
    becomes(&sessions, "after").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_receives_nothing_is_replaced() {
    let (silent, other) = (RedisServer::start(), RedisServer::start());
    write(&silent, "silent");
    write(&other, "other");
    let link = Proxy::start(silent.port()).await;
    let url = format!("redis://127.0.0.1:{}", link.port());
    let sessions = Sessions::connect(&url.parse().expect("a valid address"), None).expect("it is accepted");
    becomes(&sessions, "silent").await;
    // The connection stays open; a new one reaches the other server.
    link.redirect_to(other.port());
    silent.freeze();
    becomes(&sessions, "other").await;
}
