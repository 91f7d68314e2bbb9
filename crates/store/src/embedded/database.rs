//! The file: opened by one process, and opened anew after a failed write.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use engine::store::{Fault, FaultKind};
use redb::{Database, DatabaseError};

use crate::embedded::tables;

/// Pages kept in memory; it fills with use and is the bulk of the store's memory.
const CACHE_BYTES: usize = 16 << 20;

const FILE_NAME: &str = "tickcast.redb";

/// Why a directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{0} is in use by another process; an embedded store serves one node (use Redis for several)")]
    InUse(PathBuf),
    /// The operating system or the file says no.
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
    /// Opens the file, or makes it with its folder.
    pub(crate) fn open(folder: &Path) -> Result<Self, OpenError> {
        let database = open(folder)?;
        Ok(Self { folder: folder.to_owned(), open: Arc::new(RwLock::new(Ok(Arc::new(database)))) })
    }

    /// Returns the database, unless a write has failed and it could not be opened again yet.
    pub(crate) fn get(&self) -> Result<Arc<Database>, Fault> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.clone().map_err(|why| Fault::new(FaultKind::Unavailable, why))
    }

    /// Tells why the store can't be used at the moment.
    pub(crate) fn ready(&self) -> Result<(), String> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|_| ()).map_err(Clone::clone)
    }

    /// Closes the database after a failed write: it takes no other one until it is opened again.
    pub(crate) fn close(&self, why: String) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = Err(why);
    }

    /// Opens the database again, as soon as the last reader has let go of it, or tells why it can't be.
    pub(crate) fn reopen(&self) -> Result<(), String> {
        let opened = open(&self.folder).map(Arc::new).map_err(|error| error.to_string());
        let answer = opened.as_ref().map(|_| ()).map_err(Clone::clone);
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = opened;
        answer
    }
}

fn open(folder: &Path) -> Result<Database, OpenError> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| OpenError::Failed(folder.to_owned(), error);
    fs::create_dir_all(folder).map_err(|error| failed(error.into()))?;
    let database = Database::builder()
        .set_cache_size(CACHE_BYTES)
        .set_repair_callback(|session| {
            tracing::warn!(progress = session.progress(), "the store was not closed; it is being checked");
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
    // The file is synced by the library; that it is in its folder is not.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed(error.into()))?;
    Ok(database)
}
