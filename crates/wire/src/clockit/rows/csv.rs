//! Rows as CSV.

use csv::WriterBuilder;
use timers::stopwatch::Finished;

use crate::clockit::rows::cell::{Cell, Kind};
use crate::clockit::rows::column::{COLUMNS, REQUIRED, cells, kind, set};
use crate::clockit::rows::{Faults, spreadsheet};
use crate::csv_splitter::{QuoteFault, Record, Splitter};
use crate::iso;

const NO_LINE_BREAKS: &str =
    "the file has no line breaks (`curl -d @file` removes them; `curl --data-binary @file` does not)";

/// Reads CSV as it arrives. A header line sets the order of the columns, and unknown columns are skipped; without a
/// header line the columns have the order of [`COLUMNS`].
pub(crate) struct CsvReader {
    splitter: Splitter,
    parser: RowParser,
    quote_fault: Option<QuoteFault>,
    has_line_break: bool,
}

struct RowParser {
    /// The column of each cell, once the first line is read; `None` for an unknown column.
    order: Option<Vec<Option<&'static str>>>,
    has_header: bool,
    /// The file comes from a spreadsheet, which may have guarded cells.
    is_spreadsheet: bool,
    row_bytes_max: usize,
    /// No line end completes the record.
    is_last: bool,
}

impl CsvReader {
    /// Creates a reader. A byte order mark, which the caller has removed, makes the file a spreadsheet's.
    pub(crate) fn new(has_byte_order_mark: bool, row_bytes_max: usize) -> Self {
        Self {
            splitter: Splitter::new(row_bytes_max),
            parser: RowParser {
                order: None,
                has_header: false,
                is_spreadsheet: has_byte_order_mark,
                row_bytes_max,
                is_last: false,
            },
            quote_fault: None,
            has_line_break: false,
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8], rows: &mut Vec<Finished>, faults: &mut Faults) {
        self.has_line_break |= bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
        if self.quote_fault.is_none() {
            let parser = &mut self.parser;
            self.quote_fault = self.splitter.push(bytes, |record| parser.read(record, rows, faults)).err();
        }
    }

    pub(crate) fn finish(mut self, rows: &mut Vec<Finished>, faults: &mut Faults) {
        let parser = &mut self.parser;
        parser.is_last = true;
        if self.quote_fault.is_none() {
            self.quote_fault = self.splitter.finish(|record| parser.read(record, rows, faults)).err();
        }
        let is_suspicious = faults.count() > 0 || self.quote_fault.is_some() || parser.has_unknown_columns();
        if !self.has_line_break && is_suspicious {
            faults.add(1, "", NO_LINE_BREAKS);
        }
        if let Some(fault) = self.quote_fault {
            faults.add(fault.line, parser.column_of(fault.cell), fault.message);
        }
    }
}

impl RowParser {
    fn read(&mut self, record: &Record, rows: &mut Vec<Finished>, faults: &mut Faults) {
        if faults.is_full() {
            return;
        }
        if self.order.is_none() {
            let names = header_of(record);
            self.has_header = names.is_some();
            let order =
                names.map_or_else(|| COLUMNS.map(Some).to_vec(), |names| read_header(&names, record.line, faults));
            self.order = Some(order);
            if self.has_header {
                return;
            }
        }
        self.read_row(record, rows, faults);
    }

    fn read_row(&self, record: &Record, rows: &mut Vec<Finished>, faults: &mut Faults) {
        let (before, line) = (faults.count(), record.line);
        let order = self.order.as_deref().unwrap_or_default();
        if let Err(message) = self.check_size(record, order.len()) {
            return faults.add(line, "", message);
        }
        let mut row = Finished::default();
        let mut given = Vec::with_capacity(order.len());
        for (column, cell) in order.iter().zip(record.cells()) {
            let Some(column) = column.filter(|_| !cell.is_empty()) else { continue };
            given.push(column);
            match self.read_cell(kind(column), cell) {
                Ok(cell) => set(&mut row, column, cell),
                Err(message) => faults.add(line, column, message),
            }
        }
        for required in REQUIRED.into_iter().filter(|required| !given.contains(required)) {
            faults.add(line, required, "is missing");
        }
        if faults.count() == before {
            faults.accept(row, line, rows);
        }
    }

    fn check_size(&self, record: &Record, columns: usize) -> Result<(), String> {
        if record.is_too_large {
            return Err(format!("a row is at most {} bytes", self.row_bytes_max));
        }
        if record.len > columns {
            return Err(format!("{} cells, but there are {columns} columns", record.len));
        }
        if self.is_last && self.has_header && record.len < columns {
            return Err(format!("the file ends within this row, after {} of {columns} cells", record.len));
        }
        Ok(())
    }

    fn read_cell(&self, kind: Kind, cell: &[u8]) -> Result<Cell, String> {
        let text = std::str::from_utf8(cell).map_err(|_| "must be UTF-8".to_owned())?;
        let is_guarded = self.is_spreadsheet && kind == Kind::Text;
        kind.read_text(if is_guarded { spreadsheet::unguard(text) } else { text })
    }

    fn column_of(&self, cell: usize) -> &'static str {
        let column = match &self.order {
            Some(order) => order.get(cell).copied().flatten(),
            None => COLUMNS.get(cell).copied(),
        };
        column.unwrap_or_default()
    }

    fn has_unknown_columns(&self) -> bool {
        self.order.iter().flatten().any(Option::is_none)
    }
}

/// Returns the names of a header line. A header names a required column; other names can also be values of cells.
fn header_of(record: &Record) -> Option<Vec<String>> {
    let names: Vec<String> = record.cells().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect();
    names.iter().any(|name| REQUIRED.contains(&name.as_str())).then_some(names)
}

fn read_header(names: &[String], line: u64, faults: &mut Faults) -> Vec<Option<&'static str>> {
    let mut order = Vec::with_capacity(names.len());
    for name in names {
        let column = COLUMNS.into_iter().find(|column| column == name);
        if let Some(column) = column.filter(|column| order.contains(&Some(*column))) {
            faults.add(line, column, "the header names this column twice");
        }
        order.push(column);
    }
    for required in REQUIRED.into_iter().filter(|required| !order.contains(&Some(*required))) {
        faults.add(line, required, "the header has no such column");
    }
    order
}

/// Returns the header line.
pub fn header() -> String {
    line(COLUMNS.iter().map(|name| (*name).to_owned()))
}

/// Writes one row as a line. Every text is written as it is, so that the file can be imported again.
pub fn to_csv(row: &Finished) -> String {
    write(row, |text| text)
}

/// Writes one row as a line, its texts as `text` returns them.
pub(crate) fn write(row: &Finished, text: impl Fn(String) -> String) -> String {
    line(cells(row).into_iter().map(|cell| match cell {
        Some(Cell::Time(at)) => iso::write(at),
        Some(Cell::Number(number)) => number.to_string(),
        Some(Cell::Json(json)) => json.as_str().to_owned(),
        Some(Cell::Text(value)) => text(value),
        None => String::new(),
    }))
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(cells.collect::<Vec<_>>()).expect("memory takes all");
    let bytes = writer.into_inner().expect("memory takes all");
    String::from_utf8(bytes).expect("the cells were UTF-8")
}
