//! Writes the documents of the interfaces: `apidocs <folder>`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let folder: PathBuf = std::env::args_os().nth(1).context("usage: apidocs <folder>")?.into();
    for file in apidocs::files()? {
        let path = folder.join(file.path);
        fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
        fs::write(&path, file.content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
