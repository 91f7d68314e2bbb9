//! The file of a new backup: readable by its owner alone, and under its name only when it is complete.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::commands::Failure;

/// The permissions of the file: it holds what people do, and secrets with which members return to rooms.
const FILE_MODE: u32 = 0o600;

/// What the name of an incomplete file ends with.
const PARTIAL: &str = ".partial";

/// A file that is removed unless it is published.
pub(super) struct Target {
    path: PathBuf,
    partial: PathBuf,
    file: File,
}

impl Target {
    /// Creates the file under a name of its own, next to the later one.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let taken = |path: &Path, hint: &str| Failure::usage(format!("{} exists{hint}", path.display()));
        if path.symlink_metadata().is_ok() {
            return Err(taken(path, " and is not overwritten"));
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(PARTIAL);
        let partial = PathBuf::from(partial);
        let created = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&partial);
        let file = created.map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                return taken(
                    &partial,
                    ": another backup is being written, or one was interrupted; remove it in this case",
                );
            }
            Failure::unavailable(format!("{} cannot be created: {error}", partial.display()))
        })?;
        Ok(Self { path: path.to_owned(), partial, file })
    }

    /// Returns the path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a handle to the file.
    pub(super) fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Brings the file to the disk, and gives it its name. A file that has appeared there meanwhile stays.
    pub(super) fn publish(self, written: &File) -> Result<(), Failure> {
        let publish = || {
            written.sync_all()?;
            fs::hard_link(&self.partial, &self.path)?;
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        publish().map_err(|error| Failure::unavailable(format!("{}: {error}", self.path.display())))
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // The link under the other name keeps a published file. What cannot be removed does no harm but to take space.
        fs::remove_file(&self.partial).ok();
    }
}
