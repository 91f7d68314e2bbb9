//! buildah, with a storage of its own in the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Tag;
use crate::process;

/// The program, and the folders that it may write.
pub(super) struct Buildah {
    program: PathBuf,
    /// Images and containers.
    storage: PathBuf,
    /// Caches of builds, which outlive them.
    temporary: PathBuf,
}

impl Buildah {
    pub(super) fn new(program: PathBuf, folder: &Path) -> Result<Self> {
        let [storage, temporary] = ["storage", "temporary"].map(|name| folder.join(name));
        for folder in [&storage, &temporary] {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        Ok(Self { program, storage, temporary })
    }

    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--root").arg(self.storage.join("images")).arg("--runroot").arg(self.storage.join("run"));
        // Overlays need privileges that a container may not have.
        command.args(["--storage-driver", "vfs"]).env("TMPDIR", &self.temporary);
        command
    }

    /// Returns a build, which lacks its context.
    pub(super) fn build(&self, tag: &Tag, dockerfile: &Path) -> Command {
        let mut command = self.command();
        // The format of Docker, because OCI's has no health check. Other isolations need namespaces.
        command.args(["build", "--isolation", "chroot", "--format", "docker", "--tag", &tag.to_string(), "--file"]);
        command.arg(dockerfile);
        command
    }

    /// Removes what builds leave: containers of their stages, and images that a newer one has replaced.
    pub(super) fn remove_leftovers(&self) -> Result<()> {
        process::output(self.command().args(["rm", "--all"]))?;
        process::output(self.command().args(["rmi", "--prune"])).map(drop)
    }

    pub(super) fn has_image(&self, name: &str) -> bool {
        process::output(self.command().args(["inspect", "--type", "image", name])).is_ok()
    }

    /// Runs `work` with a container of an image.
    pub(super) fn with_container<T>(&self, image: &str, work: impl FnOnce(&str) -> Result<T>) -> Result<T> {
        let container = process::output(self.command().args(["from", "--pull-never", image]))?;
        let container = container.trim();
        let done = work(container);
        let removed = process::output(self.command().args(["rm", container]));
        let done = done?;
        removed.map(|_| done)
    }

    /// Writes an image into the folder and prints the size. A former archive is replaced.
    pub(super) fn write_archive(&self, tag: &Tag, folder: &Path) -> Result<()> {
        let file = folder.join(tag.file_name());
        if file.exists() {
            fs::remove_file(&file).with_context(|| format!("cannot replace {}", file.display()))?;
        }
        let target = format!("docker-archive:{}:{tag}", file.display());
        process::output(self.command().args(["push", &tag.to_string(), &target]))?;
        let megabytes = fs::metadata(&file)?.len() as f64 / 1e6;
        ensure!(megabytes > 0.0, "{} is empty", file.display());
        println!("{}: {megabytes:.1} MB", file.display());
        Ok(())
    }
}
