//! Splits CSV into records as bytes arrive.
//!
//! It is strict where the `csv` crate is lenient: a quote that is missing would otherwise swallow the rows up to the next
//! quote, or all of them.

/// Most cells of a record that are kept; the others are only counted. A file has a few columns that its owner added.
const CELLS_MAX: usize = 1024;

/// Splits RFC 4180 records. Lines end with LF, CRLF or CR; blank lines are skipped.
pub(crate) struct Splitter {
    state: CellState,
    record: Record,
    bytes_max: usize,
    /// The line of the next byte.
    line: u64,
    /// The line on which the current quoted cell began.
    quote_line: u64,
    was_carriage_return: bool,
}

/// One record.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// The line on which it begins, counted from 1.
    pub(crate) line: u64,
    /// The number of cells.
    pub(crate) len: usize,
    /// The record has more bytes than allowed, and was not kept.
    pub(crate) is_too_large: bool,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Whether each cell was quoted.
    quoted: Vec<bool>,
}

/// A violation of the rules for quotes, after which cells can no longer be told apart.
#[derive(Debug)]
pub(crate) struct QuoteFault {
    pub(crate) line: u64,
    /// The index of the cell.
    pub(crate) cell: usize,
    pub(crate) message: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CellState {
    RecordStart,
    CellStart,
    Unquoted,
    Quoted,
    /// After a quote in a quoted cell: it is the end of the cell, or the first of two.
    AfterQuote,
}

impl Record {
    /// Returns the cells that were kept, without their quotes.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }

    /// Returns the cells that were kept, and `None` for those that are empty and not quoted: PostgreSQL writes NULL so,
    /// and an empty text as `""`.
    pub(crate) fn nullable_cells(&self) -> impl Iterator<Item = Option<&[u8]>> {
        self.cells().zip(&self.quoted).map(|(cell, quoted)| (*quoted || !cell.is_empty()).then_some(cell))
    }
}

impl Splitter {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            state: CellState::RecordStart,
            record: Record::default(),
            bytes_max,
            line: 1,
            quote_line: 1,
            was_carriage_return: false,
        }
    }

    /// Reads bytes, and passes on each record that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&Record)) -> Result<(), QuoteFault> {
        for &byte in bytes {
            let line = self.line;
            self.count_line(byte);
            let is_line_end = matches!(byte, b'\r' | b'\n');
            if self.state == CellState::RecordStart && is_line_end {
                continue;
            }
            if self.state == CellState::RecordStart {
                self.record.line = line;
                self.state = CellState::CellStart;
            }
            match (self.state, byte) {
                (CellState::Quoted, b'"') => self.state = CellState::AfterQuote,
                (CellState::AfterQuote, b'"') => {
                    self.keep(byte);
                    self.state = CellState::Quoted;
                }
                (CellState::Quoted, _) => self.keep(byte),
                (_, b'\r' | b'\n') => self.end_record(&mut each),
                (_, b',') => self.end_cell(),
                (CellState::AfterQuote, _) => return Err(self.text_after_quote(line)),
                (CellState::Unquoted, b'"') => return Err(self.stray_quote(line)),
                (_, b'"') => {
                    self.quote_line = line;
                    self.state = CellState::Quoted;
                }
                (_, _) => {
                    self.state = CellState::Unquoted;
                    self.keep(byte);
                }
            }
        }
        Ok(())
    }

    /// Passes on the last record if no line end completed it.
    pub(crate) fn finish(&mut self, mut each: impl FnMut(&Record)) -> Result<(), QuoteFault> {
        match self.state {
            CellState::RecordStart => Ok(()),
            CellState::Quoted => {
                let message = "the quote that begins this cell is not closed before the file ends".to_owned();
                Err(QuoteFault { line: self.quote_line, cell: self.record.len, message })
            }
            CellState::CellStart | CellState::Unquoted | CellState::AfterQuote => {
                self.end_record(&mut each);
                Ok(())
            }
        }
    }

    fn count_line(&mut self, byte: u8) {
        let ends_line = byte == b'\r' || (byte == b'\n' && !self.was_carriage_return);
        self.line += u64::from(ends_line);
        self.was_carriage_return = byte == b'\r';
    }

    fn keep(&mut self, byte: u8) {
        if self.record.bytes.len() < self.bytes_max {
            self.record.bytes.push(byte);
        } else {
            self.record.is_too_large = true;
        }
    }

    fn end_cell(&mut self) {
        if self.record.len < CELLS_MAX {
            self.record.ends.push(self.record.bytes.len());
            self.record.quoted.push(self.state == CellState::AfterQuote);
        }
        self.record.len += 1;
        self.state = CellState::CellStart;
    }

    fn end_record(&mut self, each: &mut impl FnMut(&Record)) {
        self.end_cell();
        each(&self.record);
        self.record.len = 0;
        self.record.is_too_large = false;
        self.record.bytes.clear();
        self.record.ends.clear();
        self.record.quoted.clear();
        self.state = CellState::RecordStart;
    }

    fn text_after_quote(&self, line: u64) -> QuoteFault {
        let message = format!(
            "the quote that begins this cell is closed on line {line}, and more text follows: a quote is missing, or a \
             quote within the cell is not doubled"
        );
        QuoteFault { line: self.quote_line, cell: self.record.len, message }
    }

    fn stray_quote(&self, line: u64) -> QuoteFault {
        let message = "a cell with a quote must begin and end with quotes, and each quote in it must be doubled";
        QuoteFault { line, cell: self.record.len, message: message.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record's line and cells.
    type Expected = (u64, Vec<String>);

    fn split(csv: &str) -> Result<Vec<Expected>, (u64, usize)> {
        let mut records = Vec::new();
        let mut splitter = Splitter::new(1000);
        let mut each = |record: &Record| {
            let cells: Vec<String> = record.cells().map(|cell| String::from_utf8(cell.to_vec()).unwrap()).collect();
            assert_eq!(cells.len(), record.len);
            records.push((record.line, cells));
        };
        // Byte by byte, so that every boundary between two parts is tried.
        let pushed = csv.as_bytes().iter().try_for_each(|byte| splitter.push(&[*byte], &mut each));
        let split = pushed.and_then(|()| splitter.finish(&mut each));
        split.map(|()| records).map_err(|fault| (fault.line, fault.cell))
    }

    fn record(line: u64, cells: &[&str]) -> Expected {
        (line, cells.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn cells_and_lines_are_told_apart_with_every_line_end() {
        for end in ["\n", "\r\n", "\r"] {
            let csv = ["a,\"b,\"\"c\"\"\",", "", ",\"\"", "\"x", "y\",z", "last"].join(end);
            let expected = [
                record(1, &["a", "b,\"c\"", ""]),
                record(3, &["", ""]),
                record(4, &[&format!("x{end}y"), "z"]),
                record(6, &["last"]),
            ];
            assert_eq!(split(&csv).unwrap(), expected, "{end:?}");
        }
        assert_eq!(split("").unwrap(), []);
        assert_eq!(split("\n\r\n").unwrap(), []);
        assert_eq!(split("a,").unwrap(), [record(1, &["a", ""])]);
        assert_eq!(split("\"\"").unwrap(), [record(1, &[""])]);
    }

    #[test]
    fn an_empty_cell_is_told_apart_from_an_empty_text() {
        let mut seen: Vec<Vec<Option<usize>>> = Vec::new();
        let mut splitter = Splitter::new(100);
        let mut each = |record: &Record| seen.push(record.nullable_cells().map(|cell| cell.map(<[u8]>::len)).collect());
        splitter.push(b",\"\",a,\"b\",\n\"\"\n,\"\"", &mut each).unwrap();
        splitter.finish(&mut each).unwrap();
        let expected = [vec![None, Some(0), Some(1), Some(1), None], vec![Some(0)], vec![None, Some(0)]];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_quote_that_is_missing_or_not_doubled_is_found_where_its_cell_begins() {
        for (csv, line, cell) in [
            ("a\nb,\"c\nd,e\n", 2, 1),
            ("a\nb,\"c\nd,\"e\"\n", 2, 1),
            ("\"a\" ,b", 1, 0),
            ("a\nb,c\"d", 2, 1),
            ("a\nb,c\"", 2, 1),
            ("a, \"b\"", 1, 1),
            ("a,\"", 1, 1),
        ] {
            assert_eq!(split(csv), Err((line, cell)), "{csv}");
        }
    }

    #[test]
    fn a_record_that_is_too_large_or_too_wide_takes_no_memory() {
        let mut splitter = Splitter::new(10);
        let mut seen = Vec::new();
        let csv = format!("{}\n{}\n1234567890\n", "x".repeat(5000), ",".repeat(5000));
        splitter
            .push(csv.as_bytes(), |record| seen.push((record.is_too_large, record.len, record.ends.len())))
            .unwrap();
        assert_eq!(seen, [(true, 1, 1), (false, 5001, CELLS_MAX), (false, 1, 1)]);
        assert!(splitter.record.bytes.capacity() < 100 && splitter.record.ends.capacity() <= 2 * CELLS_MAX);
    }
}
