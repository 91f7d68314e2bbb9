//! The contract suite on the memory store.

use std::sync::Arc;

use async_trait::async_trait;
use engine::contract::Fixture;
use engine::store::Connected;
use engine::{MemoryStore, Store, StoreClock};

struct Memory(MemoryStore);

impl Memory {
    fn new() -> Self {
        let clock = StoreClock::new();
        Self(MemoryStore::new(move || clock.now()))
    }
}

#[async_trait]
impl Fixture for Memory {
    async fn connect(&self) -> Option<Connected<dyn Store>> {
        let Connected { store, signals } = self.0.connect();
        let store: Arc<dyn Store> = store;
        Some(Connected { store, signals })
    }
}

engine::contract_suite!(Memory::new());
