//! Whole numbers in the parameters of requests.

/// Reads a whole number above 0. One that is too large for the type becomes the largest: a client may ask for more than
/// there can be.
pub fn whole_number(text: &str) -> Option<usize> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(usize::MAX)).filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_too_large_is_the_largest() {
        assert_eq!(whole_number("57234691401744236544"), Some(usize::MAX));
        for (text, expected) in [("1", Some(1)), ("+7", Some(7)), ("0", None), ("000", None), ("", None), ("+", None)] {
            assert_eq!(whole_number(text), expected, "{text}");
        }
        for text in ["-1", "1.5", "1e3", " 1", "++1", "one"] {
            assert_eq!(whole_number(text), None, "{text}");
        }
    }
}
