//! Reading a table as its bytes arrive.

use std::sync::Arc;

use crate::byte_order_mark;
use crate::csv_splitter::{QuoteFault, Record, Splitter};
use crate::row_fault::{Faults, RowFault};
use crate::studio::copy::cells::Cells;
use crate::studio::copy::row::CopiedRow;

/// Most bytes of a row: many times the texts that an organisation may have, and the columns that are ignored.
const ROW_BYTES_MAX: usize = 1024 * 1024;

/// The bounds of a table.
#[derive(Clone, Copy, Debug)]
pub struct CopyLimits {
    /// Most rows: all of them are in memory at once.
    pub rows: u64,
    /// Longest notes and description, in characters.
    pub text_chars: usize,
}

/// A table without faults.
#[derive(Debug)]
pub struct CopiedTable<R> {
    /// The rows, in the order of the file.
    pub rows: Vec<R>,
    /// The columns that Tickcast does not have.
    pub ignored_columns: Vec<String>,
    /// The cells that were repaired.
    pub repairs: Vec<RowFault>,
}

/// Reads a table as its bytes arrive.
pub struct TableReader<R> {
    splitter: Splitter,
    parser: TableParser<R>,
    quote_fault: Option<QuoteFault>,
    has_begun: bool,
}

struct TableParser<R> {
    /// The names of the header, once it is read, each with the column if it is known.
    header: Option<Vec<(String, Option<&'static str>)>>,
    table: CopiedTable<R>,
    faults: Faults,
    limits: CopyLimits,
    organization: Option<Arc<str>>,
}

impl<R: CopiedRow> TableReader<R> {
    /// Creates a reader.
    pub fn new(limits: CopyLimits) -> Self {
        let table = CopiedTable { rows: Vec::new(), ignored_columns: Vec::new(), repairs: Vec::new() };
        let parser = TableParser { header: None, table, faults: Faults::default(), limits, organization: None };
        Self { splitter: Splitter::new(ROW_BYTES_MAX), parser, quote_fault: None, has_begun: false }
    }

    /// Reads bytes. Returns false if so many faults were found that the rest of the file does not matter.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        let begins = !std::mem::replace(&mut self.has_begun, true);
        let bytes = if begins { byte_order_mark::strip(bytes) } else { bytes };
        if self.quote_fault.is_none() {
            let parser = &mut self.parser;
            self.quote_fault = self.splitter.push(bytes, |record| parser.read(record)).err();
        }
        self.quote_fault.is_none() && !self.parser.faults.is_full()
    }

    /// Ends the file.
    ///
    /// # Errors
    /// All faults, up to [`FAULTS_MAX`](crate::FAULTS_MAX).
    pub fn finish(mut self) -> Result<CopiedTable<R>, Vec<RowFault>> {
        let parser = &mut self.parser;
        if self.quote_fault.is_none() && !parser.faults.is_full() {
            self.quote_fault = self.splitter.finish(|record| parser.read(record)).err();
        }
        if let Some(fault) = self.quote_fault {
            let column = parser.header.as_ref().and_then(|header| header.get(fault.cell));
            let column = column.map(|(name, _)| name.clone()).unwrap_or_default();
            parser.faults.add(fault.line, &column, fault.message);
        } else if parser.header.is_none() {
            parser.faults.add(1, "", "the file is empty: it has no header");
        }
        if self.parser.faults.count() == 0 { Ok(self.parser.table) } else { Err(self.parser.faults.into_vec()) }
    }
}

impl<R: CopiedRow> TableParser<R> {
    fn read(&mut self, record: &Record) {
        if self.faults.is_full() {
            return;
        }
        if self.header.is_none() {
            self.read_header(record);
        } else if let Err(message) = self.read_row(record) {
            self.faults.add(record.line, "", message);
        }
    }

    fn read_header(&mut self, record: &Record) {
        let known = |name: &str| R::REQUIRED.iter().chain(R::OPTIONAL).copied().find(|column| *column == name);
        let names = record.cells().map(|cell| String::from_utf8_lossy(cell).into_owned());
        let header: Vec<_> = names.map(|name| (known(&name), name)).map(|(column, name)| (name, column)).collect();
        let names = || header.iter().filter_map(|(_, column)| *column);
        if names().next().is_none() {
            let message = "this is no header of the table: COPY needs the options CSV and HEADER";
            self.faults.add(record.line, "", message);
        } else {
            for missing in R::REQUIRED.iter().filter(|column| !names().any(|name| name == **column)) {
                self.faults.add(record.line, missing, "the header has no such column");
            }
        }
        for (nth, column) in names().enumerate() {
            if names().take(nth).any(|name| name == column) {
                self.faults.add(record.line, column, "the header names this column twice");
            }
        }
        let ignored = header.iter().filter(|(_, column)| column.is_none());
        self.table.ignored_columns = ignored.map(|(name, _)| name.clone()).collect();
        self.header = Some(header);
    }

    fn read_row(&mut self, record: &Record) -> Result<(), String> {
        let header = self.header.as_deref().unwrap_or_default();
        if record.is_too_large {
            return Err(format!("a row has at most {ROW_BYTES_MAX} bytes"));
        }
        if record.len != header.len() {
            return Err(format!("the row has {} cells, and the header {}", record.len, header.len()));
        }
        if self.table.rows.len() as u64 >= self.limits.rows {
            // One such fault is enough.
            let most = std::mem::replace(&mut self.limits.rows, u64::MAX);
            return Err(format!("the file has more than {most} rows, which is the limit"));
        }
        let before = self.faults.count();
        let mut texts = Vec::with_capacity(header.len());
        for ((_, column), cell) in header.iter().zip(record.nullable_cells()) {
            let Some(column) = *column else { continue };
            match cell.map(std::str::from_utf8).transpose() {
                Ok(text) => texts.push((column, text)),
                Err(_) => self.faults.add(record.line, column, "must be UTF-8: COPY needs the option ENCODING 'UTF8'"),
            }
        }
        if self.faults.count() > before {
            return Ok(());
        }
        let mut cells = Cells {
            line: record.line,
            texts,
            text_chars: self.limits.text_chars,
            faults: &mut self.faults,
            repairs: &mut self.table.repairs,
            organization: &mut self.organization,
        };
        let row = R::read(&mut cells);
        // After a fault no row is needed.
        self.table.rows.extend(row.filter(|_| self.faults.count() == 0));
        Ok(())
    }
}
