//! The columns, and the field that stores each.

use timers::stopwatch::Finished;

use crate::clockit::rows::cell::{Cell, Kind};

/// The columns of a CSV file, in the order in which the VS Code extension writes them, and the label, which it does not
/// know.
pub const COLUMNS: [&str; 19] = [
    "startedIso",
    "endedIso",
    "durationSeconds",
    "idleSeconds",
    "linesAdded",
    "linesDeleted",
    "perFileSeconds",
    "perLanguageSeconds",
    "authorName",
    "authorEmail",
    "machine",
    "ideName",
    "workspace",
    "repoPath",
    "branch",
    "issueKey",
    "comment",
    "goals",
    "label",
];

/// The required columns.
pub(crate) const REQUIRED: [&str; 2] = ["startedIso", "endedIso"];

pub(crate) fn kind(column: &str) -> Kind {
    match column {
        "startedIso" | "endedIso" => Kind::Time,
        "durationSeconds" | "idleSeconds" | "linesAdded" | "linesDeleted" => Kind::Number,
        "perFileSeconds" | "perLanguageSeconds" => Kind::Object,
        "goals" => Kind::Array,
        _ => Kind::Text,
    }
}

/// Writes a value into the field of its column.
pub(crate) fn set(row: &mut Finished, column: &str, cell: Cell) {
    match cell {
        Cell::Time(at) if column == "startedIso" => row.started = at,
        Cell::Time(at) => row.ended = at,
        Cell::Number(number) => {
            let field = match column {
                "durationSeconds" => &mut row.duration_seconds,
                "idleSeconds" => &mut row.idle_seconds,
                "linesAdded" => &mut row.lines_added,
                _ => &mut row.lines_deleted,
            };
            *field = Some(number);
        }
        Cell::Json(json) => {
            let field = match column {
                "perFileSeconds" => &mut row.per_file_seconds,
                "perLanguageSeconds" => &mut row.per_language_seconds,
                _ => &mut row.goals,
            };
            *field = Some(json);
        }
        Cell::Text(text) => {
            if let Some(field) = text_field(row, column) {
                *field = Some(text);
            }
        }
    }
}

fn text_field<'r>(row: &'r mut Finished, column: &str) -> Option<&'r mut Option<String>> {
    Some(match column {
        "authorName" => &mut row.author_name,
        "authorEmail" => &mut row.author_email,
        "machine" => &mut row.machine,
        "ideName" => &mut row.ide_name,
        "workspace" => &mut row.workspace,
        "repoPath" => &mut row.repo_path,
        "branch" => &mut row.branch,
        "issueKey" => &mut row.issue_key,
        "comment" => &mut row.comment,
        "label" => &mut row.label,
        _ => return None,
    })
}

/// Returns the values of a row in the order of [`COLUMNS`].
pub(crate) fn cells(row: &Finished) -> [Option<Cell>; 19] {
    let number = |field: &Option<_>| field.clone().map(Cell::Number);
    let json = |field: &Option<_>| field.clone().map(Cell::Json);
    let text = |field: &Option<_>| field.clone().map(Cell::Text);
    [
        Some(Cell::Time(row.started)),
        Some(Cell::Time(row.ended)),
        number(&row.duration_seconds),
        number(&row.idle_seconds),
        number(&row.lines_added),
        number(&row.lines_deleted),
        json(&row.per_file_seconds),
        json(&row.per_language_seconds),
        text(&row.author_name),
        text(&row.author_email),
        text(&row.machine),
        text(&row.ide_name),
        text(&row.workspace),
        text(&row.repo_path),
        text(&row.branch),
        text(&row.issue_key),
        text(&row.comment),
        json(&row.goals),
        text(&row.label),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_kept_where_it_is_found_again() {
        for (nth, column) in COLUMNS.iter().enumerate() {
            let text = match kind(column) {
                Kind::Time => "2026-11-20T10:00:00Z",
                Kind::Number => "5",
                Kind::Object => "{}",
                Kind::Array => "[]",
                Kind::Text => "x",
            };
            let cell = kind(column).read_text(text).unwrap();
            let mut row = Finished::default();
            set(&mut row, column, cell.clone());
            assert_eq!(cells(&row)[nth], Some(cell), "{column}");
        }
    }
}
