//! Rows as CSV.

use csv::{ByteRecord, Position, ReaderBuilder, WriterBuilder};
use timers::stopwatch::Finished;

use crate::clockit::rows::cell::Cell;
use crate::clockit::rows::column::{COLUMNS, REQUIRED, cells, kind, set};
use crate::clockit::rows::{FAULTS_MAX, ROW_BYTES_MAX, RowFault, iso};

/// Reads a CSV file. A header line sets the order of the columns, and unknown columns are skipped; without a header line
/// the columns have the order of [`COLUMNS`].
///
/// # Errors
/// All faults, up to [`FAULTS_MAX`]; no row is imported.
pub fn from_csv(bytes: &[u8]) -> Result<Vec<Finished>, Vec<RowFault>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut order: Option<Vec<String>> = None;
    let mut rows = Vec::new();
    let mut faults = Vec::new();
    for record in reader.byte_records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, |position| line_at(bytes, position));
                faults.push(RowFault { line, column: String::new(), message: error.to_string() });
                break;
            }
        };
        let line = record.position().map_or(0, |position| line_at(bytes, position));
        if order.is_none()
            && let Some(names) = header_of(&record)
        {
            check_header(&names, line).map_err(|fault| vec![fault])?;
            order = Some(names);
            continue;
        }
        let order = order.get_or_insert_with(|| COLUMNS.map(str::to_owned).to_vec());
        read_row(&record, order, line, &mut rows, &mut faults);
        if faults.len() >= FAULTS_MAX {
            break;
        }
    }
    faults.truncate(FAULTS_MAX);
    if faults.is_empty() { Ok(rows) } else { Err(faults) }
}

/// Returns the line of a record. The position that the library reports lies before the line ends and blank lines that
/// precede the record.
fn line_at(bytes: &[u8], position: &Position) -> u64 {
    let start = usize::try_from(position.byte()).unwrap_or(usize::MAX).min(bytes.len());
    let skipped = bytes[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + skipped.filter(|byte| **byte == b'\n').count() as u64
}

/// Returns the names of a header line. A header names a required column; other names can also be values of cells.
fn header_of(record: &ByteRecord) -> Option<Vec<String>> {
    let names: Vec<String> = record.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect();
    names.iter().any(|name| REQUIRED.contains(&name.as_str())).then_some(names)
}

fn check_header(names: &[String], line: u64) -> Result<(), RowFault> {
    for required in REQUIRED {
        if !names.iter().any(|name| name == required) {
            let message = "the header has no such column".to_owned();
            return Err(RowFault { line, column: required.to_owned(), message });
        }
    }
    Ok(())
}

fn read_row(record: &ByteRecord, order: &[String], line: u64, rows: &mut Vec<Finished>, faults: &mut Vec<RowFault>) {
    let before = faults.len();
    let mut fault = |column: &str, message: String| faults.push(RowFault { line, column: column.to_owned(), message });
    let mut row = Finished::default();
    let mut given = Vec::with_capacity(order.len());
    if record.as_slice().len() > ROW_BYTES_MAX {
        fault("", format!("a row is at most {ROW_BYTES_MAX} bytes"));
        return;
    }
    if record.len() > order.len() {
        fault("", format!("{} cells, but there are {} columns", record.len(), order.len()));
        return;
    }
    for (column, cell) in order.iter().zip(record) {
        if cell.is_empty() || !COLUMNS.contains(&column.as_str()) {
            continue;
        }
        given.push(column.as_str());
        let read = std::str::from_utf8(cell).map_err(|_| "must be UTF-8".to_owned());
        match read.and_then(|text| kind(column).read_text(text)) {
            Ok(cell) => set(&mut row, column, cell),
            Err(message) => fault(column, message),
        }
    }
    for required in REQUIRED.into_iter().filter(|required| !given.contains(required)) {
        fault(required, "is missing".to_owned());
    }
    if faults.len() == before {
        finish(row, line, rows, faults);
    }
}

/// Accepts a row whose cells are valid, if they are consistent.
pub(crate) fn finish(row: Finished, line: u64, rows: &mut Vec<Finished>, faults: &mut Vec<RowFault>) {
    if row.ended < row.started {
        let message = "must not be before startedIso".to_owned();
        faults.push(RowFault { line, column: "endedIso".to_owned(), message });
        return;
    }
    rows.push(row);
}

/// Returns the header line.
pub fn header() -> String {
    line(COLUMNS.iter().map(|name| (*name).to_owned()))
}

/// Writes one row as a line.
pub fn to_csv(row: &Finished) -> String {
    line(cells(row).into_iter().map(|cell| match cell {
        Some(Cell::Time(at)) => iso::write(at),
        Some(Cell::Number(number)) => number.to_string(),
        Some(Cell::Json(json)) => json.as_str().to_owned(),
        Some(Cell::Text(text)) => text,
        None => String::new(),
    }))
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(cells.collect::<Vec<_>>()).expect("memory takes all");
    let bytes = writer.into_inner().expect("memory takes all");
    String::from_utf8(bytes).expect("the cells were UTF-8")
}
