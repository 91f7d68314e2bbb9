//! The store and the options of the engine, as the configuration sets them.

use anyhow::Result;
use engine::store::Connected;
use engine::{MemoryStore, Options, Retention, Store};
use store::embedded::EmbeddedStore;
use store::redis::{self, RedisStore};
use timers::Timestamp;

use crate::ops::config::parse::millis;
use crate::ops::config::{Settings, StoreUrl};
use crate::systems;

/// Returns the options of the engine.
pub(crate) fn engine_options(settings: &Settings) -> Options {
    Options {
        limits: settings.rules.clone(),
        holdover: settings.holdover,
        retention: Retention {
            quota: settings.limits.history,
            quotas_by_kind: systems::history_quotas(&settings.systems),
            guest_lifetime: millis(settings.guest_lifetime),
        },
        ..Options::new(&settings.node_id)
    }
}

/// Connects to the store.
///
/// # Errors
/// Its address or its file cannot be used. A Redis that cannot be reached is no error: connecting is repeated.
pub(crate) fn connect(settings: &Settings) -> Result<Connected<dyn Store>> {
    match &settings.store.url {
        StoreUrl::Embedded(folder) => Ok(EmbeddedStore::open(folder)?),
        StoreUrl::Memory => {
            let wall = || Timestamp(u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0));
            let Connected { store, signals } = MemoryStore::new(wall).connect();
            Ok(Connected { store, signals })
        }
        StoreUrl::Redis(url) => {
            let options = redis::Options {
                prefix: settings.store.prefix.clone(),
                cluster_name: settings.store.cluster_name.clone(),
                ca_file: settings.store.ca_file.clone(),
                replicas_ack: settings.store.replicas_ack,
                ..redis::Options::new(url.clone(), &settings.node_id)
            };
            Ok(RedisStore::connect(&options)?)
        }
    }
}
