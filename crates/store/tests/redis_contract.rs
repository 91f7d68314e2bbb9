//! Redis keeps the contract.

use async_trait::async_trait;
use engine::Store;
use engine::contract::Fixture;
use engine::store::Connected;
use harness::RedisServer;
use store::redis::{Options, RedisStore};

struct Redis(RedisServer);

#[async_trait]
impl Fixture for Redis {
    async fn connect(&self) -> Option<Connected<dyn Store>> {
        let url = self.0.url().parse().expect("a good address");
        let options = Options::new(url, &format!("{:p}", &self.0));
        let connected = RedisStore::connect(&options).expect("the driver takes its configuration");
        tokio::time::timeout(std::time::Duration::from_secs(10), async {
            while connected.store.ready().is_err() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("ready in time");
        Some(connected)
    }
}

engine::contract_suite!(Redis(RedisServer::start()));
