//! Texts for a terminal.

/// Returns a text without control characters, which could take a terminal over.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|letter| if is_control(letter) { '\u{fffd}' } else { letter }).collect()
}

/// The characters that change the direction of a text can hide a part of it.
fn is_control(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns milliseconds as hours, minutes and seconds.
pub(super) fn clock_time(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hours}:{minutes:02}:{seconds:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_to_the_second() {
        let shown = [-5, 0, 999, 61_500, 3_599_999, 360_000_000].map(clock_time);
        assert_eq!(shown, ["0:00:00", "0:00:00", "0:00:00", "0:01:01", "0:59:59", "100:00:00"]);
    }

    #[test]
    fn a_text_cannot_control_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\nc\u{202e}d é"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d é");
    }
}
