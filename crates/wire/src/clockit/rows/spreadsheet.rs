//! CSV for a spreadsheet program, which takes some texts for formulas.

use timers::stopwatch::Finished;

use crate::clockit::rows::csv::write;

/// The mark with which a file must begin for Excel to read it as UTF-8. A file that begins with it is a spreadsheet's.
pub const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A spreadsheet takes a cell that begins with one of these for a formula, and may run it (OWASP, "CSV Injection").
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The mark of a text in a spreadsheet.
const GUARD: char = '\'';

/// Writes one row as a line for a spreadsheet: a text that would be taken for a formula begins with `'`.
pub fn to_spreadsheet_csv(row: &Finished) -> String {
    write(row, |text| if is_formula(&text) { format!("{GUARD}{text}") } else { text })
}

/// Returns the text that was guarded.
pub(crate) fn unguard(text: &str) -> &str {
    text.strip_prefix(GUARD).filter(|text| is_formula(text)).unwrap_or(text)
}

/// Tells whether a text begins like a formula. Guards before it are skipped, so that a text that itself begins with a
/// guard is the same after an export and an import.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches(GUARD).starts_with(FORMULA_STARTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_begins_like_a_formula_is_guarded_and_found_again() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("@x", "'@x"),
            ("-x", "'-x"),
            ("+x", "'+x"),
            ("\tx", "'\tx"),
            ("'=x", "''=x"),
            ("''=x", "'''=x"),
            ("'x", "'x"),
            ("x=1", "x=1"),
            ("", ""),
            ("'", "'"),
        ] {
            let row = Finished { comment: Some(text.to_owned()), ..Finished::default() };
            let written = to_spreadsheet_csv(&row);
            assert!(written.contains(&format!(",{cell},,")), "{written}");
            assert_eq!(unguard(cell), text);
        }
    }
}
