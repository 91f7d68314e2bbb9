//! Rows of history, as CSV or JSON: decoded rows are the same after encoding and decoding again.

#![no_main]

use wire::clockit::rows::{RowFormat, header, read_rows, to_csv};

const ROW_BYTES_MAX: usize = 64 * 1024;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    read_rows(RowFormat::Json, bytes, ROW_BYTES_MAX).ok();
    let Ok(rows) = read_rows(RowFormat::Csv, bytes, ROW_BYTES_MAX) else { return };
    let written: String = std::iter::once(header()).chain(rows.iter().map(to_csv)).collect();
    let again = read_rows(RowFormat::Csv, written.as_bytes(), 2 * ROW_BYTES_MAX);
    assert!(again.is_ok_and(|again| again == rows), "{written}");
});
