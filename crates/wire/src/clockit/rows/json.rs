//! Rows as JSON.

mod elements;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use timers::stopwatch::Finished;
use timers::{Fields, RawJson};

use crate::clockit::rows::Faults;
use crate::clockit::rows::cell::Cell;
use crate::clockit::rows::column::{COLUMNS, REQUIRED, cells, kind, set};
use crate::clockit::rows::json::elements::{Element, Elements};
use crate::iso;

/// The key of the rows.
const SESSIONS: &str = "sessions";

/// Reads `{sessions: […]}` as it arrives.
pub(crate) struct JsonReader {
    elements: Elements,
    row_bytes_max: usize,
}

impl JsonReader {
    pub(crate) fn new(row_bytes_max: usize) -> Self {
        Self { elements: Elements::new(SESSIONS, row_bytes_max), row_bytes_max }
    }

    pub(crate) fn push(&mut self, bytes: &[u8], rows: &mut Vec<Finished>, faults: &mut Faults) {
        let bytes_max = self.row_bytes_max;
        self.elements.push(bytes, |element| read_row(&element, bytes_max, rows, faults));
    }

    /// Judges the text around the rows.
    pub(crate) fn finish(self, faults: &mut Faults) {
        if let Some(line) = self.elements.unfinished() {
            return faults.add(line, "", "the body ends within this element");
        }
        if self.elements.is_repeated() {
            faults.add(0, SESSIONS, "is given twice");
        }
        let Ok(rest) = std::str::from_utf8(self.elements.rest()) else { return faults.add(0, "", "must be UTF-8") };
        match serde_json::from_str::<Fields>(rest) {
            Err(error) => faults.add(0, "", format!("must be a JSON object: {error}")),
            Ok(mut fields) => {
                if let Err(bad) = fields.require::<Vec<RawJson>>(SESSIONS) {
                    faults.add(0, SESSIONS, bad.reason);
                }
            }
        }
    }
}

fn read_row(element: &Element<'_>, bytes_max: usize, rows: &mut Vec<Finished>, faults: &mut Faults) {
    let (before, line) = (faults.count(), element.number);
    if faults.is_full() {
        return;
    }
    let mut fields = match parse(element, bytes_max) {
        Ok(fields) => fields,
        Err(message) => return faults.add(line, "", message),
    };
    let mut row = Finished::default();
    for column in COLUMNS {
        if fields.is_repeated(column) {
            faults.add(line, column, "is given twice");
        }
        let cell = match fields.take::<RawJson>(column) {
            Ok(Some(json)) => kind(column).read_json(json),
            Ok(None) if REQUIRED.contains(&column) => Err("is missing".to_owned()),
            Ok(None) => continue,
            Err(bad) => Err(bad.reason),
        };
        match cell {
            // An empty cell of CSV is an absent field too.
            Ok(Cell::Text(text)) if text.is_empty() => {}
            Ok(cell) => set(&mut row, column, cell),
            Err(message) => faults.add(line, column, message),
        }
    }
    if faults.count() == before {
        faults.accept(row, line, rows);
    }
}

fn parse(element: &Element<'_>, bytes_max: usize) -> Result<Fields, String> {
    if element.is_too_large {
        return Err(format!("a row is at most {bytes_max} bytes"));
    }
    let json = std::str::from_utf8(element.json).map_err(|_| "must be UTF-8".to_owned())?;
    serde_json::from_str(json)
        .map_err(|error| if error.is_data() { "must be an object".to_owned() } else { format!("is not JSON: {error}") })
}

/// Writes one row as an object: its columns by name, and for a session that was stopped here also `sessionId`, `groupId`
/// and `groupName`.
pub fn to_json(row: &Finished) -> String {
    serde_json::to_string(&Named(row)).expect("rows have no key that JSON can't write")
}

struct Named<'a>(&'a Finished);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let row = self.0;
        let mut map = serializer.serialize_map(None)?;
        if let Some(session) = &row.session {
            map.serialize_entry("sessionId", session)?;
        }
        for (name, text) in [("groupId", &row.group_id), ("groupName", &row.group_name)] {
            if let Some(text) = text {
                map.serialize_entry(name, text)?;
            }
        }
        for (column, cell) in COLUMNS.into_iter().zip(cells(row)) {
            match cell {
                Some(Cell::Time(at)) => map.serialize_entry(column, &iso::write(at))?,
                Some(Cell::Number(number)) => map.serialize_entry(column, &number)?,
                Some(Cell::Json(json)) => map.serialize_entry(column, &json)?,
                Some(Cell::Text(text)) => map.serialize_entry(column, &text)?,
                None => {}
            }
        }
        map.end()
    }
}
