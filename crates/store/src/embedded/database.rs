//! The database file: opened by one process, and reopened after a failed write.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;

use engine::store::{Fault, FaultKind};
use redb::{Database, DatabaseError};

use crate::embedded::tables;

/// Memory of the page cache. It fills with use and is most of the store's memory.
const CACHE_BYTES: usize = 16 << 20;

const FILE_NAME: &str = "tickcast.redb";

/// Why a directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has opened it.
    #[error("{0} is in use by another process; an embedded store serves one node (use Redis for several)")]
    InUse(PathBuf),
    /// The operating system or the file reports an error.
    #[error("{0} can't be used as a store: {1}")]
    Failed(PathBuf, #[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A handle to the open file.
#[derive(Clone)]
pub(crate) struct Handle {
    folder: PathBuf,
    open: Arc<RwLock<Result<Arc<Database>, String>>>,
}

impl Handle {
    /// Opens the file; creates it and its directory if needed.
    pub(crate) fn open(folder: &Path) -> Result<Self, OpenError> {
        let database = open(folder)?;
        Ok(Self { folder: folder.to_owned(), open: Arc::new(RwLock::new(Ok(Arc::new(database)))) })
    }

    /// Returns the database; fails after a failed write until the file is open again.
    pub(crate) fn get(&self) -> Result<Arc<Database>, Fault> {
        let open = self.open.read();
        open.clone().map_err(|reason| Fault::new(FaultKind::Unavailable, reason))
    }

    /// Returns the directory.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the reason if the store is not usable.
    pub(crate) fn ready(&self) -> Result<(), String> {
        self.open.read().as_ref().map(|_| ()).map_err(Clone::clone)
    }

    /// Closes the database after a failed write: it accepts no other write until it is reopened.
    pub(crate) fn close(&self, reason: String) {
        *self.open.write() = Err(reason);
    }

    /// Reopens the database. Fails while a reader still has it open.
    pub(crate) fn reopen(&self) -> Result<(), String> {
        let opened = open(&self.folder).map(Arc::new).map_err(|error| error.to_string());
        let result = opened.as_ref().map(|_| ()).map_err(Clone::clone);
        *self.open.write() = opened;
        result
    }
}

fn open(folder: &Path) -> Result<Database, OpenError> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| OpenError::Failed(folder.to_owned(), error);
    fs::create_dir_all(folder).map_err(|error| failed(error.into()))?;
    let database = Database::builder()
        .set_cache_size(CACHE_BYTES)
        .set_repair_callback(|session| {
            tracing::warn!(progress = session.progress(), "the store was not closed cleanly; checking it");
        })
        .create(folder.join(FILE_NAME));
    let database = match database {
        Ok(database) => database,
        Err(DatabaseError::DatabaseAlreadyOpen) => return Err(OpenError::InUse(folder.to_owned())),
        Err(error) => return Err(failed(error.into())),
    };
    let transaction = database.begin_write().map_err(|error| failed(error.into()))?;
    tables::create(&transaction).map_err(|error| failed(error.into()))?;
    transaction.commit().map_err(|error| failed(error.into()))?;
    // The library syncs the file, but not its directory entry.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed(error.into()))?;
    Ok(database)
}
