//! The contract suite over Redis, for every kind of deployment and connection.

use std::time::Duration;

use async_trait::async_trait;
use engine::Store;
use engine::contract::{Fixture, in_turn};
use engine::store::Connected;
use fastrand::u64 as any;
use harness::{Certificates, RedisCluster, RedisServer, RedisWithSentinels, free_port, program};
use store::redis::{Options, RedisStore};
use tokio::time::timeout;

use super::node::options;

/// A Redis, and its server if the fixture owns it.
struct Redis {
    options: Options,
    _server: Option<RedisServer>,
}

impl Redis {
    fn own() -> Self {
        let server = RedisServer::start();
        Self { options: options(&server.url(), ""), _server: Some(server) }
    }

    /// A part of a shared server, with its own keys and channels.
    fn part(options: &Options, name: &str) -> Self {
        Self { options: Options { prefix: format!("tickcast.{name}"), ..options.clone() }, _server: None }
    }
}

#[async_trait]
impl Fixture for Redis {
    async fn connect(&self) -> Option<Connected<dyn Store>> {
        let options = Options { node: format!("node-{}", any(..)), ..self.options.clone() };
        let connected = RedisStore::connect(&options).expect("the driver accepts its configuration");
        let ready = timeout(Duration::from_secs(10), async {
            while connected.store.ready().is_err() {
                tokio::task::yield_now().await;
            }
        });
        ready.await.unwrap_or_else(|_| panic!("not ready in time: {:?}", connected.store.ready()));
        Some(connected)
    }
}

engine::contract_suite!(Redis::own());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_as_a_user_with_minimal_permissions() {
    let certificates = Certificates::make();
    let port = free_port();
    let tls = certificates.redis_options(port);
    let server = RedisServer::start_with(&tls.iter().map(String::as_str).collect::<Vec<_>>());
    create_user(&server, "");
    let url = format!("rediss://clock:pa%3Ass@127.0.0.1:{port}");
    let options = Options { ca_file: Some(certificates.authority()), ..options(&url, "") };
    in_turn(|case| Redis::part(&options, case)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_sentinel_as_a_user_with_minimal_permissions() {
    let redis = RedisWithSentinels::start();
    for server in &redis.servers {
        create_user(server, "+wait");
    }
    redis.lock("watch", "hush");
    let url = redis.url().replace("://", "://clock:pa%3Ass@") + "&sentinelUsername=watch&sentinelPassword=hush";
    let options = Options { replicas_ack: 2, ..options(&url, "") };
    in_turn(|case| Redis::part(&options, case)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_unix_socket() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("redis.sock").to_string_lossy().into_owned();
    let _server = RedisServer::start_with(&["--unixsocket", &socket]);
    let options = options(&format!("unix://{socket}"), "");
    in_turn(|case| Redis::part(&options, case)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_valkey() {
    let valkey = program("valkey-server", "VALKEY_SERVER").to_string_lossy().into_owned();
    let server = RedisServer::start_as(&valkey, &[], &[]);
    assert!(server.command(&["INFO", "server"]).expect("answers").contains("server_name:valkey"));
    let options = options(&server.url(), "");
    in_turn(|case| Redis::part(&options, case)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_cluster() {
    let cluster = RedisCluster::start(3, false);
    for server in &cluster.servers {
        create_user(server, "+cluster|nodes");
    }
    let options = options(&cluster.url().replace("://", "://clock:pa%3Ass@"), "");
    in_turn(|case| Redis::part(&options, case)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_cluster_with_replica_acknowledgement() {
    let cluster = RedisCluster::start(3, true);
    let options = Options { replicas_ack: 1, ..options(&cluster.url(), "") };
    in_turn(|case| Redis::part(&options, case)).await;
}

/// Creates a user with the documented permissions and some more.
fn create_user(server: &RedisServer, extra: &str) {
    let permissions =
        "on >pa:ss ~tickcast.* &tickcast.* -@all +@read +@write +@pubsub +@connection +@scripting +info +time";
    let words = ["ACL", "SETUSER", "clock"].into_iter().chain(permissions.split(' ')).chain(extra.split_whitespace());
    assert_eq!(server.command(&words.collect::<Vec<_>>()).expect("answers"), "+OK");
}
