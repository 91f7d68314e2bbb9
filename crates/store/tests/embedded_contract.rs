//! The contract suite over the embedded store.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use engine::Store;
use engine::contract::Fixture;
use engine::store::Connected;
use store::embedded::EmbeddedStore;
use tempfile::TempDir;

struct Embedded {
    folder: TempDir,
    connected: AtomicBool,
}

impl Embedded {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), connected: AtomicBool::new(false) }
    }
}

#[async_trait]
impl Fixture for Embedded {
    async fn connect(&self) -> Option<Connected<dyn Store>> {
        let first = !self.connected.swap(true, Ordering::Relaxed);
        first.then(|| EmbeddedStore::open(self.folder.path()).expect("a new directory is usable"))
    }
}

engine::contract_suite!(Embedded::new());
