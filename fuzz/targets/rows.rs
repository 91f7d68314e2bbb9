//! Rows of history, as CSV or JSON: decoded rows are the same after encoding and decoding again.

#![no_main]

use wire::clockit::rows::{from_csv, from_json, header, to_csv};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        from_json(text).ok();
    }
    let Ok(rows) = from_csv(bytes) else { return };
    let written: String = std::iter::once(header()).chain(rows.iter().map(to_csv)).collect();
    let again = from_csv(written.as_bytes());
    assert!(again.is_ok_and(|again| again == rows), "{written}");
});
