//! Exported documents that the imports read, in parts of the size that the first byte gives.

#![no_main]

use wire::FAULTS_MAX;
use wire::focus::ExportedSession;
use wire::mongo_export::{ExportReader, ExportedDocument};
use wire::punch_clock::ExportedDay;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((part, file)) = bytes.split_first() else { return };
    read::<ExportedDay>(file, *part);
    read::<ExportedSession>(file, *part);
});

fn read<D: ExportedDocument>(file: &[u8], part: u8) {
    let mut reader = ExportReader::<D>::new();
    let _ = file.chunks(usize::from(part).max(1)).all(|part| reader.push(part));
    match reader.finish() {
        Ok(documents) => assert!(documents.len() <= file.len()),
        Err(faults) => assert!((1..=FAULTS_MAX).contains(&faults.len())),
    }
}
