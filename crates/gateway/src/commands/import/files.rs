//! Reading the files of an import.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::commands::Failure;
use crate::commands::progress::Progress;

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Reads a file in parts, until `push` does not want more.
pub(super) fn read_file(path: &Path, push: impl FnMut(&[u8]) -> bool) -> Result<(), Failure> {
    push_file(path, push).map_err(|error| Failure::no_input(format!("{} cannot be read: {error}", path.display())))
}

fn push_file(path: &Path, mut push: impl FnMut(&[u8]) -> bool) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut progress = Progress::new("reading bytes", file.metadata()?.len());
    let (mut chunk, mut done) = (vec![0; CHUNK_BYTES], 0);
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 || !push(&chunk[..count]) {
            return Ok(());
        }
        done += count as u64;
        progress.show(done);
    }
}
