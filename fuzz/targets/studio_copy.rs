//! Tables of the original that an import reads, in parts of the size that the first byte gives.

#![no_main]

use wire::FAULTS_MAX;
use wire::studio::{CopiedEntry, CopiedRow, CopiedType, CopyLimits, TableReader};

fn read<R: CopiedRow>(file: &[u8], part: usize) {
    let mut reader = TableReader::<R>::new(CopyLimits { rows: 100, text_chars: 20 });
    let _ = file.chunks(part).all(|part| reader.push(part));
    match reader.finish() {
        Ok(table) => assert!(table.rows.len() <= 100),
        Err(faults) => assert!((1..=FAULTS_MAX).contains(&faults.len())),
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((part, file)) = bytes.split_first() else { return };
    let part = usize::from(*part).max(1);
    read::<CopiedType>(file, part);
    read::<CopiedEntry>(file, part);
});
