//! The database file: opened by one process, watched for its removal, and reopened after a failed write.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;

use engine::store::{Fault, FaultKind};
use redb::{Builder, Database, DatabaseError};

use crate::embedded::tables;

/// Memory of the page cache. It fills with use and is most of the store's memory.
const CACHE_BYTES: usize = 16 << 20;

const FILE_NAME: &str = "tickcast.redb";

/// A file that is written and removed to find out whether the disk works again.
const PROBE_NAME: &str = "write-probe";

/// The permissions of a new directory: what people do is nobody else's business.
const DIRECTORY_MODE: u32 = 0o700;

/// The permissions of the file.
const FILE_MODE: u32 = 0o600;

/// Why a directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has opened it.
    #[error("{0} is in use by another process; an embedded store serves one node (use Redis for several)")]
    InUse(PathBuf),
    /// The operating system or the file reports an error.
    #[error("{0} can't be used as a store: {1}")]
    Failed(PathBuf, Box<dyn std::error::Error + Send + Sync>),
}

/// A handle to the open file.
#[derive(Clone)]
pub(crate) struct Handle {
    folder: PathBuf,
    state: Arc<RwLock<FileState>>,
}

struct FileState {
    database: Option<Arc<Database>>,
    /// The identity of the open file.
    file: FileId,
    /// Why the store is not usable: the last write has failed, or the store is closed.
    failure: Option<String>,
}

/// Tells files apart that have the same path at different times: the device and the number on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId(u64, u64);

impl Handle {
    /// Opens the file; creates it and its directory if needed.
    pub(crate) fn open(folder: &Path) -> Result<Self, OpenError> {
        let failed = |error: io::Error| OpenError::Failed(folder.to_owned(), error.into());
        create_file(folder).map_err(failed)?;
        let database = open(folder)?;
        // The library syncs the file, but not its directory entry.
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        let file = file_id(folder).map_err(failed)?;
        let state = FileState { database: Some(Arc::new(database)), file, failure: None };
        Ok(Self { folder: folder.to_owned(), state: Arc::new(RwLock::new(state)) })
    }

    /// Returns the database for reads. After a failed write it can be read as soon as the file is open again.
    pub(crate) fn get(&self) -> Result<Arc<Database>, Fault> {
        let state = self.state.read();
        state.database.clone().ok_or_else(|| failing(state.failure.as_deref().unwrap_or("the file is not open")))
    }

    /// Returns the directory.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the reason if the store is not usable: no write has succeeded since the last failed one.
    pub(crate) fn ready(&self) -> Result<(), String> {
        self.state.read().failure.clone().map_or(Ok(()), Err)
    }

    /// Fails if no write has succeeded since the last failed one.
    pub(crate) fn check_writable(&self) -> Result<(), Fault> {
        self.ready().map_err(|reason| failing(&reason))
    }

    /// Fails if the file is not at its path any more: what is written to it would be gone after a restart.
    pub(crate) fn check_file(&self) -> Result<(), String> {
        let path = self.folder.join(FILE_NAME);
        match file_id(&self.folder) {
            Ok(file) if file == self.state.read().file => Ok(()),
            Ok(_) => Err(format!("{} was replaced while the node runs", path.display())),
            Err(error) => Err(format!("{} was removed while the node runs ({error})", path.display())),
        }
    }

    /// Closes the database after a failed write: it accepts no other write until it is reopened.
    pub(crate) fn close(&self, reason: String) {
        let mut state = self.state.write();
        state.database = None;
        state.failure = Some(reason);
    }

    /// Reopens the file if it is closed; never creates one. The store stays unusable until [`Handle::set_usable`].
    ///
    /// Fails while a reader still has the file open, and if the file was removed.
    pub(crate) fn reopen(&self) -> Result<Arc<Database>, String> {
        let mut state = self.state.write();
        if let Some(database) = &state.database {
            return Ok(Arc::clone(database));
        }
        let opened = open_existing(&self.folder).and_then(|database| Ok((database, file_id(&self.folder)?)));
        match opened {
            Ok((database, file)) => {
                let database = Arc::new(database);
                state.database = Some(Arc::clone(&database));
                state.file = file;
                Ok(database)
            }
            Err(error) => {
                let reason = format!("{} can't be opened: {error}", self.folder.join(FILE_NAME).display());
                state.failure = Some(reason.clone());
                Err(reason)
            }
        }
    }

    /// Writes a file of its own to the disk, and removes it.
    pub(crate) fn probe_disk(&self, bytes: usize) -> Result<(), String> {
        let path = self.folder.join(PROBE_NAME);
        let options = || OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(&path);
        let written = options().and_then(|mut file| {
            file.write_all(&vec![0; bytes])?;
            file.sync_all()
        });
        // A part of the file may have been written, and takes space.
        fs::remove_file(&path).ok();
        written.map_err(|error| format!("{} can't be written: {error}", path.display()))
    }

    /// Makes the store usable again, after a write has succeeded.
    pub(crate) fn set_usable(&self) {
        self.state.write().failure = None;
    }
}

/// Makes the fault of a store whose writes fail.
pub(crate) fn failing(reason: &str) -> Fault {
    Fault::new(FaultKind::Failing, reason)
}

/// Creates the directory and an empty file if needed, for the owner alone. A file with more permissions loses them.
fn create_file(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(folder)?;
    let path = folder.join(FILE_NAME);
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(FILE_MODE).open(&path)?;
    let is_too_open = file.metadata()?.permissions().mode() & 0o777 & !FILE_MODE != 0;
    if is_too_open && let Err(error) = file.set_permissions(Permissions::from_mode(FILE_MODE)) {
        tracing::warn!(path = %path.display(), %error, "other users can read the store, and its permissions can't be changed");
    }
    Ok(())
}

fn file_id(folder: &Path) -> io::Result<FileId> {
    let metadata = fs::metadata(folder.join(FILE_NAME))?;
    Ok(FileId(metadata.dev(), metadata.ino()))
}

fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

fn open(folder: &Path) -> Result<Database, OpenError> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| OpenError::Failed(folder.to_owned(), error);
    let mut builder = builder();
    builder.set_repair_callback(|session| {
        tracing::warn!(progress = session.progress(), "the store was not closed cleanly; checking it");
    });
    let database = match builder.create(folder.join(FILE_NAME)) {
        Ok(database) => database,
        Err(DatabaseError::DatabaseAlreadyOpen) => return Err(OpenError::InUse(folder.to_owned())),
        Err(error) => return Err(failed(error.into())),
    };
    let transaction = database.begin_write().map_err(|error| failed(error.into()))?;
    tables::create(&transaction).map_err(|error| failed(error.into()))?;
    transaction.commit().map_err(|error| failed(error.into()))?;
    Ok(database)
}

fn open_existing(folder: &Path) -> Result<Database, Box<dyn std::error::Error>> {
    let path = folder.join(FILE_NAME);
    if !path.try_exists()? {
        return Err("it was removed; restore it, or restart the node to begin with an empty store".into());
    }
    Ok(builder().open(path)?)
}
