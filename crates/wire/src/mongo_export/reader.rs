//! Reading a file of documents as its bytes arrive.

use serde_json::Value;

use crate::byte_order_mark;
use crate::mongo_export::document::{DocumentFields, ExportedDocument};
use crate::mongo_export::extended_json::to_json;
use crate::row_fault::{Faults, RowFault};

/// Most bytes of a line: three times the largest document of MongoDB (16 MiB), for what Extended JSON adds.
const LINE_BYTES_MAX: usize = 48 * 1024 * 1024;

/// Most documents of a file: all of them are in memory at once.
const DOCUMENTS_MAX: usize = 1_000_000;

/// A document, and the number of its line from 1.
#[derive(Debug)]
pub struct ReadDocument<D> {
    /// The line.
    pub line: u64,
    /// The document.
    pub document: D,
}

/// Reads the documents of a file as its bytes arrive.
pub struct ExportReader<D> {
    /// The current line, as far as it has arrived.
    pending: Vec<u8>,
    line: u64,
    documents: Vec<ReadDocument<D>>,
    faults: Faults,
    has_ended: bool,
}

impl<D: ExportedDocument> ExportReader<D> {
    /// Creates a reader.
    pub fn new() -> Self {
        Self { pending: Vec::new(), line: 0, documents: Vec::new(), faults: Faults::default(), has_ended: false }
    }

    /// Reads bytes. Returns false if the rest of the file does not matter, since so much is wrong.
    pub fn push(&mut self, mut bytes: &[u8]) -> bool {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n').filter(|_| !self.has_ended) {
            let (rest_of_line, rest) = bytes.split_at(end);
            self.pending.extend_from_slice(rest_of_line);
            let line = std::mem::take(&mut self.pending);
            self.read_line(&line);
            bytes = &rest[1..];
        }
        if !self.has_ended {
            self.pending.extend_from_slice(bytes);
            if self.pending.len() > LINE_BYTES_MAX {
                self.end_at(self.line + 1, format!("a line has at most {LINE_BYTES_MAX} bytes"));
            }
        }
        !self.has_ended
    }

    /// Ends the file.
    ///
    /// # Errors
    /// All faults, up to [`FAULTS_MAX`](crate::FAULTS_MAX).
    pub fn finish(mut self) -> Result<Vec<ReadDocument<D>>, Vec<RowFault>> {
        let line = std::mem::take(&mut self.pending);
        if !self.has_ended {
            self.read_line(&line);
        }
        if self.faults.count() == 0 { Ok(self.documents) } else { Err(self.faults.into_vec()) }
    }

    /// Ends the file at a fault after which nothing can be read.
    fn end_at(&mut self, line: u64, message: impl Into<String>) {
        self.faults.add(line, "", message);
        (self.has_ended, self.pending) = (true, Vec::new());
    }

    fn read_line(&mut self, line: &[u8]) {
        self.line += 1;
        let line = if self.line == 1 { byte_order_mark::strip(line) } else { line };
        let line = line.trim_ascii();
        if line.is_empty() {
            return;
        }
        if let Some(message) = foreign(line).filter(|_| self.documents.is_empty()) {
            return self.end_at(self.line, message);
        }
        if self.documents.len() >= DOCUMENTS_MAX {
            return self.end_at(self.line, format!("a file has at most {DOCUMENTS_MAX} documents: split it"));
        }
        match serde_json::from_slice::<Value>(line) {
            Ok(Value::Object(fields)) => {
                let Value::Object(fields) = to_json(Value::Object(fields)) else {
                    return self.faults.add(self.line, "", "is no document");
                };
                let mut fields = DocumentFields { line: self.line, fields, faults: &mut self.faults };
                let document = D::read(&mut fields).map(|document| ReadDocument { line: self.line, document });
                // After a fault no document is needed.
                self.documents.extend(document.filter(|_| self.faults.count() == 0));
            }
            Ok(_) => self.faults.add(self.line, "", "must be a JSON object"),
            Err(error) => self.faults.add(self.line, "", format!("is not JSON: {}", reason(&error))),
        }
        self.has_ended |= self.faults.is_full();
    }
}

/// Tells which option of mongoexport has written a file that begins with this line, if it is not one document a line.
fn foreign(line: &[u8]) -> Option<&'static str> {
    match line {
        b"{" => Some("begins a document of several lines: mongoexport writes one a line without the option --pretty"),
        [b'[', ..] => Some("is an array: mongoexport writes one document a line without the option --jsonArray"),
        [b'{', ..] => None,
        _ => Some("is no document: mongoexport writes one a line without the options --type and --csv"),
    }
}

/// Returns the parser's reason. It has read one line, so only the column says something.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.split_once(" at line ") {
        Some((reason, _)) => format!("{reason} at column {}", error.column()),
        None => text,
    }
}

impl<D: ExportedDocument> Default for ExportReader<D> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl ExportedDocument for (String, Option<String>) {
        fn read(fields: &mut DocumentFields<'_>) -> Option<Self> {
            Some((fields.id("_id")?, fields.optional_text("name")?))
        }
    }

    fn read(file: &[u8], chunk: usize) -> Result<Vec<(u64, String)>, Vec<String>> {
        let mut reader = ExportReader::<(String, Option<String>)>::new();
        for bytes in file.chunks(chunk) {
            if !reader.push(bytes) {
                break;
            }
        }
        let read = reader.finish().map_err(|faults| {
            faults.iter().map(|fault| format!("{} {}: {}", fault.line, fault.column, fault.message)).collect()
        });
        read.map(|documents| documents.into_iter().map(|read| (read.line, read.document.0)).collect())
    }

    #[test]
    fn documents_are_read_line_by_line_however_the_bytes_arrive() {
        let file = "\u{feff}{\"_id\":{\"$oid\":\"a\"}}\r\n\n{\"_id\":7,\"name\":\"x\"}\n{\"_id\":\"last\"}";
        for chunk in [1, 2, 7, 1000] {
            let expected = vec![(1, "a".to_owned()), (3, "7".to_owned()), (4, "last".to_owned())];
            assert_eq!(read(file.as_bytes(), chunk), Ok(expected), "{chunk}");
        }
        assert_eq!(read(b"", 1), Ok(Vec::new()));
    }

    #[test]
    fn all_faults_are_listed_with_their_lines() {
        let file = b"{\"_id\":true}\n{\"_id\":1,\"name\":2}\n{\"_id\":\n{}\n{\"_id\":\"\xff\"}\n";
        let faults = read(file, 1000).unwrap_err();
        assert_eq!(faults[0], "1 _id: must be an id: a text, an ObjectId or a number");
        assert_eq!(faults[1], "2 name: must be a text");
        assert_eq!(faults[2], "3 : is not JSON: EOF while parsing a value at column 7");
        assert_eq!(faults[3], "4 _id: must be an id: a text, an ObjectId or a number");
        assert!(faults[4].starts_with("5 : is not JSON: "), "{}", faults[4]);
        for (file, option) in [
            ("[{\"_id\":1},\n{\"_id\":2}]\n", "--jsonArray"),
            ("{\n  \"_id\": 1\n}\n", "--pretty"),
            ("_id,name\n1,x\n", "--csv"),
        ] {
            let faults = read(file.as_bytes(), 1000).unwrap_err();
            assert!(faults.len() == 1 && faults[0].contains(option), "{faults:?}");
        }
    }
}
