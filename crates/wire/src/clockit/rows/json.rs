//! Rows as JSON.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use timers::stopwatch::Finished;
use timers::{Fields, RawJson};

use crate::clockit::rows::cell::Cell;
use crate::clockit::rows::column::{COLUMNS, REQUIRED, cells, kind, set};
use crate::clockit::rows::csv::finish;
use crate::clockit::rows::{FAULTS_MAX, ROW_BYTES_MAX, RowFault, iso};

/// Reads `{sessions: […]}`, whose keys have the names of the columns. Unknown keys and nulls are skipped.
///
/// # Errors
/// All faults, up to [`FAULTS_MAX`]; no row is imported.
pub fn from_json(text: &str) -> Result<Vec<Finished>, Vec<RowFault>> {
    let whole = |column: &str, message: String| vec![RowFault { line: 0, column: column.to_owned(), message }];
    let mut body: Fields =
        serde_json::from_str(text).map_err(|error| whole("", format!("must be a JSON object: {error}")))?;
    let sessions: Vec<RawJson> =
        body.require("sessions").map_err(|bad| whole("sessions", format!("sessions {}", bad.reason)))?;
    let mut rows = Vec::new();
    let mut faults = Vec::new();
    for (line, session) in (1..).zip(&sessions) {
        read_row(session, line, &mut rows, &mut faults);
        if faults.len() >= FAULTS_MAX {
            break;
        }
    }
    faults.truncate(FAULTS_MAX);
    if faults.is_empty() { Ok(rows) } else { Err(faults) }
}

fn read_row(json: &RawJson, line: u64, rows: &mut Vec<Finished>, faults: &mut Vec<RowFault>) {
    let before = faults.len();
    let mut fault = |column: &str, message: String| faults.push(RowFault { line, column: column.to_owned(), message });
    if json.as_str().len() > ROW_BYTES_MAX {
        fault("", format!("a row is at most {ROW_BYTES_MAX} bytes"));
        return;
    }
    let Ok(mut fields) = serde_json::from_str::<Fields>(json.as_str()) else {
        fault("", "must be an object".to_owned());
        return;
    };
    let mut row = Finished::default();
    for column in COLUMNS {
        let cell = match fields.take::<RawJson>(column) {
            Ok(Some(json)) => kind(column).read_json(json),
            Ok(None) if REQUIRED.contains(&column) => Err("is missing".to_owned()),
            Ok(None) => continue,
            Err(bad) => Err(bad.reason),
        };
        match cell {
            Ok(cell) => set(&mut row, column, cell),
            Err(message) => fault(column, message),
        }
    }
    if faults.len() == before {
        finish(row, line, rows, faults);
    }
}

/// Writes one row as an object: its columns by name, and for a session that was stopped here also `sessionId`, `label`,
/// `groupId` and `groupName`.
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
        for (name, text) in [("label", &row.label), ("groupId", &row.group_id), ("groupName", &row.group_name)] {
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
