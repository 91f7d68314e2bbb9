//! Reads rows as their file arrives, in either format.

use timers::stopwatch::Finished;

use crate::clockit::rows::csv::CsvReader;
use crate::clockit::rows::json::JsonReader;
use crate::clockit::rows::{BYTE_ORDER_MARK, Faults, RowFault, foreign};

/// Bytes within which the first line of a file should end; the first line of a usual file has 300.
const HEAD_BYTES: usize = 16 * 1024;

/// The format of a file of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFormat {
    /// Columns by a header line, or in the order of [`COLUMNS`](super::COLUMNS).
    Csv,
    /// `{sessions: […]}`, whose keys have the names of the columns. Unknown keys and nulls are skipped.
    Json,
}

/// Reads rows as their file arrives. It keeps one row; the caller keeps the complete ones.
pub struct RowReader {
    state: ReaderState,
    faults: Faults,
    row_bytes_max: usize,
}

enum ReaderState {
    /// The first line has not ended.
    Head {
        format: Option<RowFormat>,
        bytes: Vec<u8>,
    },
    Csv(CsvReader),
    Json(JsonReader),
    /// The file is of another format.
    Foreign,
}

impl RowReader {
    /// Creates a reader. Without a format, a file that begins with `{` is JSON.
    pub fn new(format: Option<RowFormat>, row_bytes_max: usize) -> Self {
        let state = ReaderState::Head { format, bytes: Vec::new() };
        Self { state, faults: Faults::default(), row_bytes_max }
    }

    /// Reads the next part of the file, and appends the rows that it completes. After a fault no more rows are appended,
    /// and the rest of the file is read for more faults.
    pub fn push(&mut self, part: &[u8], rows: &mut Vec<Finished>) {
        match &mut self.state {
            ReaderState::Head { bytes, .. } => {
                bytes.extend_from_slice(part);
                if bytes.len() >= HEAD_BYTES || first_line(bytes).is_some() {
                    self.begin(rows);
                }
            }
            ReaderState::Csv(reader) => reader.push(part, rows, &mut self.faults),
            ReaderState::Json(reader) => reader.push(part, rows, &mut self.faults),
            ReaderState::Foreign => {}
        }
    }

    /// Tells whether a fault was found, so that no row of the file will be imported.
    pub fn has_fault(&self) -> bool {
        self.faults.count() > 0
    }

    /// Ends the file, and appends its last row.
    ///
    /// # Errors
    /// All faults, up to [`FAULTS_MAX`](crate::FAULTS_MAX); no row may be imported.
    pub fn finish(mut self, rows: &mut Vec<Finished>) -> Result<(), Vec<RowFault>> {
        self.begin(rows);
        match self.state {
            ReaderState::Csv(reader) => reader.finish(rows, &mut self.faults),
            ReaderState::Json(reader) => reader.finish(&mut self.faults),
            ReaderState::Head { .. } | ReaderState::Foreign => {}
        }
        if self.faults.count() == 0 { Ok(()) } else { Err(self.faults.into_vec()) }
    }

    /// Chooses the format by the first line.
    fn begin(&mut self, rows: &mut Vec<Finished>) {
        let ReaderState::Head { format, bytes } = &mut self.state else { return };
        let (format, bytes) = (*format, std::mem::take(bytes));
        let without_mark = bytes.strip_prefix(BYTE_ORDER_MARK.as_bytes());
        let text = without_mark.unwrap_or(&bytes);
        let is_json = || trimmed(text).is_some_and(|text| text.starts_with(b"{"));
        let format = format.unwrap_or_else(|| if is_json() { RowFormat::Json } else { RowFormat::Csv });
        let foreign = match (foreign::by_first_bytes(&bytes), format) {
            (Some(message), _) => Some(message.to_owned()),
            (None, RowFormat::Csv) => first_line(text).or(trimmed(text)).and_then(foreign::by_first_line),
            (None, RowFormat::Json) => None,
        };
        self.state = match (foreign, format) {
            (Some(message), _) => {
                self.faults.add(1, "", message);
                ReaderState::Foreign
            }
            (None, RowFormat::Csv) => ReaderState::Csv(CsvReader::new(without_mark.is_some(), self.row_bytes_max)),
            (None, RowFormat::Json) => ReaderState::Json(JsonReader::new(self.row_bytes_max)),
        };
        self.push(text, rows);
    }
}

/// Returns the first line that is not blank, if it has ended.
fn first_line(bytes: &[u8]) -> Option<&[u8]> {
    let text = trimmed(bytes)?;
    let end = text.iter().position(|byte| matches!(byte, b'\r' | b'\n'))?;
    Some(&text[..end])
}

/// Returns the bytes without white space before them; `None` if there are no others.
fn trimmed(bytes: &[u8]) -> Option<&[u8]> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK.as_bytes()).unwrap_or(bytes);
    let start = bytes.iter().position(|byte| !byte.is_ascii_whitespace())?;
    Some(&bytes[start..])
}
