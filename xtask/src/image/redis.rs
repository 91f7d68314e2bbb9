//! An image of this machine's Redis, for tests.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Buildah, Tag};
use crate::workspace::Workspace;
use crate::{process, tools};

const DOCKERFILE: &str = "deploy/test/redis/Dockerfile";

/// Builds the image.
pub(super) fn build(buildah: &Buildah, workspace: &Workspace, tag: &Tag, folder: &Path) -> Result<()> {
    let context = folder.join("redis");
    if context.exists() {
        fs::remove_dir_all(&context)?;
    }
    for folder in ["root/tmp", "data"] {
        fs::create_dir_all(context.join(folder))?;
    }
    for program in tools::install_redis()? {
        // The server is a link to another program's name.
        let name = program.file_name().context("a program has a name")?;
        add(&program, &context.join("root/usr/bin").join(name))?;
        let libraries = process::output(Command::new("ldd").arg(&program))?;
        let libraries: Vec<&str> = libraries.lines().filter_map(library).collect();
        ensure!(!libraries.is_empty(), "{} has no libraries", program.display());
        for library in libraries {
            add(Path::new(library), &context.join("root").join(library.trim_start_matches('/')))?;
        }
    }
    let mut build = buildah.build(tag, &workspace.root.join(DOCKERFILE));
    process::run(build.arg(&context))
}

/// Copies a file; links are followed.
fn add(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to.parent().context("a file has a folder")?)?;
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display())).map(drop)
}

/// Returns the path in a line of `ldd`: `name => path (address)` or `path (address)`.
fn library(line: &str) -> Option<&str> {
    let (path, _address) = line.rsplit_once(" (0x")?;
    let path = path.rsplit_once("=> ").map_or(path, |(_name, path)| path).trim();
    path.starts_with('/').then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_of_libraries_are_read() {
        for (line, path) in [
            (
                "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2ce261e000)",
                Some("/lib/x86_64-linux-gnu/libc.so.6"),
            ),
            ("\t/lib64/ld-linux-x86-64.so.2 (0x00007f2ce461a000)", Some("/lib64/ld-linux-x86-64.so.2")),
            ("\tlinux-vdso.so.1 (0x00007f2ce4618000)", None),
            ("\tstatically linked", None),
            ("\tlibmissing.so => not found", None),
        ] {
            assert_eq!(library(line), path, "{line}");
        }
    }
}
