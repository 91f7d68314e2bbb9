//! Recognises files of other formats, so that they get one helpful message instead of one for each cell.

use crate::clockit::rows::column::COLUMNS;
use crate::iso;

/// The first bytes of files that are no texts in UTF-8.
const FIRST_BYTES: [(&[u8], &str); 4] = [
    (b"\xff\xfe", "the file seems to be UTF-16; it must be UTF-8"),
    (b"\xfe\xff", "the file seems to be UTF-16; it must be UTF-8"),
    (b"PK\x03\x04", "the file seems to be a workbook or a ZIP archive; it must be CSV or JSON"),
    (b"\x1f\x8b", "the file seems to be compressed with gzip; it must be CSV or JSON"),
];

const SEPARATORS: [(char, &str); 3] = [(';', "`;`"), ('\t', "a tab"), ('|', "`|`")];

/// Returns what is wrong with a file that begins with these bytes and cannot be imported in any format.
pub(crate) fn by_first_bytes(head: &[u8]) -> Option<&'static str> {
    FIRST_BYTES.iter().find(|(bytes, _)| head.starts_with(bytes)).map(|(_, message)| *message)
}

/// Returns what is wrong with a CSV file that begins with this line: it neither names a column nor is a row.
pub(crate) fn by_first_line(line: &[u8]) -> Option<String> {
    let line = String::from_utf8_lossy(line);
    if has_column(&line, ',') || line.split(',').take(2).any(|cell| iso::read(bare(cell)).is_ok()) {
        return None;
    }
    let what = "no known column found";
    let count = |separator: char| line.matches(separator).count();
    let separator = SEPARATORS.into_iter().find(|&(separator, _)| {
        has_column(&line, separator) || (count(separator) > 1 && count(separator) > count(','))
    });
    Some(match separator {
        Some((_, name)) => format!("{what}; the separator seems to be {name}, and must be `,`"),
        None => format!("{what}; the first line must name the columns `startedIso` and `endedIso`, or be a row"),
    })
}

fn has_column(line: &str, separator: char) -> bool {
    line.split(separator).any(|cell| COLUMNS.contains(&bare(cell)))
}

fn bare(cell: &str) -> &str {
    cell.trim().trim_matches('"').trim()
}
