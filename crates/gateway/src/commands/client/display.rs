//! What a command shows: a picture that is redrawn at a terminal, or lines.

use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use crate::commands::Failure;

/// The size of a terminal that does not tell it.
const DEFAULT_SIZE: (usize, usize) = (80, 24);

/// Moves to the start of the line.
const LINE_START: &str = "\r";

/// Clears everything after the cursor.
const CLEAR_BELOW: &str = "\u{1b}[J";

const HIDE_CURSOR: &str = "\u{1b}[?25l";
const SHOW_CURSOR: &str = "\u{1b}[?25h";

/// How a command shows what it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A picture that is redrawn.
    Live,
    /// A line for each change.
    Lines,
    /// A JSON object for each change.
    Json,
}

/// Where a command shows what it knows.
pub(super) struct Display {
    pub(super) form: Form,
    /// The height of the picture on the terminal.
    drawn: usize,
    last: Vec<String>,
}

impl Display {
    pub(super) fn new(is_json: bool) -> Self {
        let form = match (is_json, io::stdout().is_terminal()) {
            (true, _) => Form::Json,
            (false, true) => Form::Live,
            (false, false) => Form::Lines,
        };
        Self { form, drawn: 0, last: Vec::new() }
    }

    /// Replaces the picture, if the display is live and the picture has changed.
    pub(super) fn draw(&mut self, lines: &[String]) -> Result<(), Failure> {
        if self.form != Form::Live || (self.drawn > 0 && self.last == lines) {
            return Ok(());
        }
        let fitted = fit(lines, size());
        let begin = if self.drawn == 0 { HIDE_CURSOR.to_owned() } else { up(self.drawn - 1) };
        let picture = format!("{begin}{LINE_START}{CLEAR_BELOW}{}", fitted.join("\r\n"));
        (self.drawn, self.last) = (fitted.len(), lines.to_vec());
        write_all(&picture)
    }

    /// Prints a line for people, if the display is one of lines.
    pub(super) fn line(&self, text: &str) -> Result<(), Failure> {
        if self.form == Form::Lines { print_line(text) } else { Ok(()) }
    }

    /// Prints an object for programs, if the display is one of JSON.
    pub(super) fn json(&self, object: &Value) -> Result<(), Failure> {
        if self.form == Form::Json { print_line(&object.to_string()) } else { Ok(()) }
    }
}

impl Drop for Display {
    /// The shell continues below the picture.
    fn drop(&mut self) {
        if self.drawn > 0 {
            // A terminal that has gone needs no cursor.
            write_all(&format!("{SHOW_CURSOR}\r\n")).ok();
        }
    }
}

/// Prints a line.
pub(super) fn print_line(text: &str) -> Result<(), Failure> {
    write_all(&format!("{text}\n"))
}

/// A reader that has read enough, such as `head`, ends the command without an error.
fn write_all(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| {
        let is_read = error.kind() != io::ErrorKind::BrokenPipe;
        if is_read { Failure::unavailable(format!("the output cannot be written: {error}")) } else { Failure::silent() }
    })
}

fn size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        Ok(_) | Err(_) => DEFAULT_SIZE,
    }
}

fn up(lines: usize) -> String {
    if lines == 0 { String::new() } else { format!("\u{1b}[{lines}A") }
}

/// Cuts lines to the size of the terminal: a line that wraps, or a picture that scrolls, could not be redrawn.
fn fit(lines: &[String], (columns, rows): (usize, usize)) -> Vec<String> {
    let cut = |line: &String| line.chars().take(columns.saturating_sub(1)).collect();
    let rows = rows.saturating_sub(1).max(1);
    if lines.len() <= rows {
        return lines.iter().map(cut).collect();
    }
    let mut fitted: Vec<String> = lines[..rows - 1].iter().map(cut).collect();
    fitted.push(cut(&format!("… and {} more", lines.len() - rows + 1)));
    fitted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_fits_the_terminal() {
        let lines: Vec<String> = ["first", "second", "third", "fourth"].map(str::to_owned).to_vec();
        assert_eq!(fit(&lines, (80, 5)), lines);
        assert_eq!(fit(&lines, (80, 4)), ["first", "second", "… and 2 more"]);
        assert_eq!(fit(&lines[..2], (4, 24)), ["fir", "sec"]);
        assert_eq!(fit(&lines, (1, 1)), [""]);
    }
}
