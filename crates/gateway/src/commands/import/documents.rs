//! The documents of exported MongoDB collections.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wire::FAULTS_MAX;
use wire::mongo_export::{ExportReader, ExportedDocument, ReadDocument};

use crate::commands::Failure;
use crate::commands::import::files::read_file;
use crate::commands::import::notes::Note;

/// A document, with the file that has it.
pub(super) struct FileDocument<D> {
    pub(super) file: Arc<str>,
    pub(super) line: u64,
    pub(super) document: D,
}

/// Reads files. The failure lists the faults of all.
pub(super) fn read<D: ExportedDocument>(paths: &[PathBuf]) -> Result<Vec<FileDocument<D>>, Failure> {
    let (mut documents, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        let file: Arc<str> = path.display().to_string().into();
        match read_one(path)? {
            Ok(read) => documents.extend(read.into_iter().map(|ReadDocument { line, document }| FileDocument {
                file: Arc::clone(&file),
                line,
                document,
            })),
            Err(found) => {
                let is_full = found.len() >= FAULTS_MAX;
                faults.extend(found.into_iter().map(|row| Note { file: Arc::clone(&file), row }.to_string()));
                faults.extend(is_full.then(|| format!("{file}: further errors are not listed")));
            }
        }
    }
    if faults.is_empty() {
        Ok(documents)
    } else {
        Err(Failure::data(faults, "the files have errors; nothing was imported"))
    }
}

fn read_one<D: ExportedDocument>(path: &Path) -> Result<Result<Vec<ReadDocument<D>>, Vec<wire::RowFault>>, Failure> {
    let mut reader = ExportReader::new();
    read_file(path, |bytes| reader.push(bytes))?;
    Ok(reader.finish())
}
