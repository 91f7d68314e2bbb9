//! User names and passwords of any bytes.

use std::time::Duration;

use harness::{RedisServer, RedisWithSentinels, wait_until};
use store::redis::Sessions;

use super::node::*;

/// Passwords, and their form in an address.
const PASSWORDS: [(&str, &str); 7] = [
    ("two words", "two%20words"),
    ("tab\tbetween", "tab%09between"),
    ("a \"quote", "a%20%22quote"),
    ("'single quotes'", "%27single%20quotes%27"),
    ("back\\slash \\x20", "back%5Cslash%20%5Cx20"),
    (" lines\r\nof text ", "%20lines%0D%0Aof%20text%20"),
    ("#%:/@?+ü", "%23%25%3A%2F%40%3F+%C3%BC"),
];

fn create_user(server: &RedisServer, name: &str, password: &str) {
    let rules = ["ACL", "SETUSER", name, "on", password, "~*", "&*", "+@all"];
    assert_eq!(server.command(&rules).expect("answers"), "+OK");
}

async fn works_as(url: &str, name: &str) {
    let node = Node::start(url, "a");
    node.is_ready().await;
    node.start_session(name).await.expect("works");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_may_have_any_byte() {
    let server = RedisServer::start();
    for (nth, (password, encoded)) in PASSWORDS.iter().enumerate() {
        create_user(&server, "tick", "resetpass");
        create_user(&server, "tick", &format!(">{password}"));
        let url = format!("redis://tick:{encoded}@127.0.0.1:{}", server.port());
        works_as(&url, &format!("session-{nth}")).await;
    }
    // The bytes FF 00 20 78, which are no text.
    create_user(&server, "raw", "#57a9261dc110bf48e8efc5c412fd76b65db149783fd395564ad0034287f4b790");
    works_as(&format!("redis://raw:%FF%00%20x@127.0.0.1:{}", server.port()), "raw").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_name_may_have_quotes_and_the_default_user_a_password_with_spaces() {
    let server = RedisServer::start();
    for (name, encoded) in [("a\"b", "a%22b"), ("'ann'", "%27ann%27"), ("back\\slash", "back%5Cslash")] {
        create_user(&server, name, ">pass word");
        works_as(&format!("redis://{encoded}:pass%20word@127.0.0.1:{}", server.port()), "s").await;
    }
    assert_eq!(server.command(&["CONFIG", "SET", "requirepass", "pass \"word"]).expect("answers"), "+OK");
    works_as(&format!("redis://:pass%20%22word@127.0.0.1:{}", server.port()), "s").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_passwords_of_sentinels_and_of_their_servers_may_have_any_byte() {
    let redis = RedisWithSentinels::start();
    for server in &redis.servers {
        create_user(server, "tick", ">a \"b\"\tc");
    }
    redis.lock("watch", "\"hush\" 'h+ü\t");
    let credentials = "&sentinelUsername=watch&sentinelPassword=%22hush%22%20%27h%2B%C3%BC%09";
    let url = redis.url().replace("://", "://tick:a%20%22b%22%09c@") + credentials;
    works_as(&url, "s").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_session_store_takes_such_passwords_too() {
    let server = RedisServer::start();
    create_user(&server, "web", ">two \"words\"");
    server.command(&["SET", "sess:1", "{}"]).expect("answers");
    let url = format!("redis://web:two%20%22words%22@127.0.0.1:{}", server.port());
    let sessions = Sessions::connect(&url.parse().expect("a valid address"), None).expect("connects");
    wait_until("the session", async || sessions.read("sess:1").await.is_ok_and(|read| read == Some(b"{}".to_vec())))
        .await;
    sessions.extend("sess:1", Duration::from_secs(60)).await.expect("extends");
}
