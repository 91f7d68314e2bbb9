//! The file in which commands wait that have no answer. It is replaced as a whole, so that it is complete at each instant,
//! and locked by another file beside it, which stays.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::task::spawn_blocking;

use crate::backoff::random_id;
use crate::bound_user::BoundUser;
use crate::options::ClientOptions;
use crate::outbox::StoredCommand;

const VERSION: u64 = 1;

/// An outbox file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// Another client uses the file, in this process or in another one.
    #[error("the outbox file {} is in use by another client", path.display())]
    InUse { path: PathBuf },
    /// The file is damaged. It was renamed, so that the next client with this path begins an empty one.
    #[error("the outbox file {} is damaged: {reason}; it was renamed to {}", path.display(), kept.display())]
    Damaged { path: PathBuf, kept: PathBuf, reason: String },
    /// The file has commands of another system, server or user, or another format.
    #[error("the outbox file {} {reason}", path.display())]
    Foreign { path: PathBuf, reason: String },
    /// The file cannot be read or written.
    #[error("the outbox file {} cannot be used: {message}", path.display())]
    Io { path: PathBuf, message: String },
}

/// Whose commands a file has. They are sent to no other server, and as no other user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileOwner {
    pub(crate) system: String,
    pub(crate) server: String,
    /// The id of the user, if it is known.
    pub(crate) user: Option<String>,
    /// Whether it is certainly no user.
    #[serde(skip)]
    pub(crate) is_guest: bool,
}

impl FileOwner {
    pub(crate) fn of(system: &str, options: &ClientOptions) -> Self {
        let (server, user) = (options.url.as_str().to_owned(), options.credential.user_id());
        Self { system: system.to_owned(), server, user, is_guest: options.credential.is_guest() }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    version: u64,
    #[serde(flatten)]
    owner: FileOwner,
    client_id: String,
    commands: Vec<StoredCommand>,
}

/// A file that this client has opened.
pub(crate) struct OpenedOutbox {
    pub(crate) file: OutboxFile,
    pub(crate) commands: Vec<StoredCommand>,
    /// Whether the commands were sent under the id of this client, if they were sent.
    pub(crate) is_same_client: bool,
}

/// See the module. It is unlocked when it is dropped and nothing is being written.
#[derive(Debug)]
pub(crate) struct OutboxFile {
    path: Arc<Path>,
    owner: FileOwner,
    user: Arc<BoundUser>,
    /// Whether the file names its user.
    has_stored_user: AtomicBool,
    client_id: String,
    lock: Arc<File>,
}

impl OutboxFile {
    /// Opens a file, or creates it. `client_id` replaces the id in the file.
    pub(crate) fn open(
        path: PathBuf,
        owner: FileOwner,
        client_id: Option<String>,
    ) -> Result<OpenedOutbox, OutboxError> {
        let lock = lock(&path)?;
        let content = read(&path)?;
        let mut user = owner.user.clone();
        if let Some(content) = content.as_ref().filter(|content| !content.commands.is_empty()) {
            check_owner(&path, &content.owner, &owner)?;
            // What a token names is checked when there is one.
            user = user.or_else(|| content.owner.user.clone());
        }
        let (user, has_stored_user) = (Arc::new(BoundUser::new(user)), AtomicBool::default());
        let (known_id, commands) =
            content.map_or((None, Vec::new()), |content| (Some(content.client_id), content.commands));
        let is_same_client = client_id.is_none() || client_id == known_id;
        let client_id = client_id.or(known_id).unwrap_or_else(random_id);
        let (path, lock) = (path.into(), Arc::new(lock));
        let file = Self { path, owner, user, has_stored_user, client_id, lock };
        // A path that cannot be written is reported now, not when a command has to be stored.
        file.write(commands.clone())?;
        Ok(OpenedOutbox { file, commands, is_same_client })
    }

    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Returns the options of a client that sends the commands: as no other user.
    pub(crate) fn bind(&self, options: ClientOptions) -> ClientOptions {
        let credential = options.credential.clone().bound_to(Arc::clone(&self.user));
        options.credential(credential)
    }

    /// Tells whether the file has to be written, because its user has become known.
    pub(crate) fn is_outdated(&self) -> bool {
        self.user.get().is_some() && !self.has_stored_user.load(Ordering::Relaxed)
    }

    /// Replaces the commands of the file. They are on the disk when it returns.
    pub(crate) async fn save(&self, commands: Vec<StoredCommand>) -> Result<(), OutboxError> {
        let names_user = self.user.get().is_some();
        let (path, lock, text) = (Arc::clone(&self.path), Arc::clone(&self.lock), self.render(commands)?);
        let write = move || {
            let written = replace(&path, &text).map_err(|error| io_error(&path, &error));
            // It is written also when the client has gone; until then, the file is not the next client's.
            drop(lock);
            written
        };
        spawn_blocking(write).await.map_err(|error| io_error(&self.path, &error))??;
        self.has_stored_user.store(names_user, Ordering::Relaxed);
        Ok(())
    }

    fn write(&self, commands: Vec<StoredCommand>) -> Result<(), OutboxError> {
        let names_user = self.user.get().is_some();
        replace(&self.path, &self.render(commands)?).map_err(|error| io_error(&self.path, &error))?;
        self.has_stored_user.store(names_user, Ordering::Relaxed);
        Ok(())
    }

    fn render(&self, commands: Vec<StoredCommand>) -> Result<String, OutboxError> {
        let owner = FileOwner { user: self.user.get().map(str::to_owned), ..self.owner.clone() };
        let client_id = self.client_id.clone();
        let content = Content { version: VERSION, owner, client_id, commands };
        serde_json::to_string(&content).map_err(|error| io_error(&self.path, &error))
    }
}

fn lock(path: &Path) -> Result<File, OutboxError> {
    let file = private().create(true).write(true).truncate(false).open(with_suffix(path, ".lock"));
    let file = file.map_err(|error| io_error(path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OutboxError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(io_error(path, &error)),
    }
}

/// Returns the content of a file; `None` if there is no file.
fn read(path: &Path) -> Result<Option<Content>, OutboxError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(path, &error)),
    };
    #[derive(Deserialize)]
    struct Format {
        version: u64,
    }
    let version = serde_json::from_slice(&bytes).map(|Format { version }| version);
    if let Some(version) = version.ok().filter(|version| *version > VERSION) {
        let reason = format!("has the format {version} of a later version of the library");
        return Err(OutboxError::Foreign { path: path.to_owned(), reason });
    }
    match serde_json::from_slice(&bytes) {
        Ok(content) => Ok(Some(content)),
        Err(error) => Err(set_aside(path, &error)),
    }
}

/// Keeps a damaged file beside the path.
fn set_aside(path: &Path, error: &serde_json::Error) -> OutboxError {
    let unix_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let kept = with_suffix(path, &format!(".damaged-{unix_ms}"));
    match std::fs::rename(path, &kept) {
        Ok(()) => OutboxError::Damaged { path: path.to_owned(), kept, reason: error.to_string() },
        Err(rename_error) => io_error(path, &format!("it is damaged ({error}), and {rename_error}")),
    }
}

fn check_owner(path: &Path, found: &FileOwner, expected: &FileOwner) -> Result<(), OutboxError> {
    let foreign = |reason: String| Err(OutboxError::Foreign { path: path.to_owned(), reason });
    let differs = |what: &str, found: &str, expected: &str| {
        foreign(format!("has commands for the {what} `{found}`, not for `{expected}`"))
    };
    if found.system != expected.system {
        return differs("system", &found.system, &expected.system);
    }
    if found.server != expected.server {
        return differs("server", &found.server, &expected.server);
    }
    match (&found.user, &expected.user) {
        (Some(found), Some(expected)) if found != expected => differs("user", found, expected),
        (Some(found), None) if expected.is_guest => {
            foreign(format!("has commands for the user `{found}`, not for a guest"))
        }
        (Some(_) | None, _) => Ok(()),
    }
}

fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let next = with_suffix(path, ".new");
    let mut file = private().create(true).write(true).truncate(true).open(&next)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&next, path)?;
    sync_folder(path);
    Ok(())
}

/// The new name survives a loss of power after that. The file is replaced already, so a failure changes nothing.
fn sync_folder(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix)
        && let Ok(folder) = File::open(folder)
    {
        folder.sync_all().ok();
    }
}

/// Commands can contain what only their user should read.
fn private() -> OpenOptions {
    #[allow(unused_mut, reason = "only Unix has modes")]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn io_error(path: &Path, error: &impl ToString) -> OutboxError {
    OutboxError::Io { path: path.to_owned(), message: error.to_string() }
}

#[cfg(test)]
mod tests;
