//! Rates, costs and their sums, in integers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// The highest rate in cents: 99999999.99, which the original's column holds.
const RATE_CENTS_MAX: u64 = 9_999_999_999;

/// Longest text of a rate in bytes. No rate within the range needs more, and none of it is read twice.
const RATE_BYTES_MAX: usize = 100;

/// Most digits of a number of cents that is worth reading: one more than any rate has, and few enough for a `u64`.
const DIGITS_MAX: usize = 11;

const MINUTES_PER_HOUR: u64 = 60;
const MILLIS_PER_MINUTE: u64 = 60_000;

/// The parts of a cent in which costs are counted: a minute of a rate in cents an hour costs a whole number of them.
const PARTS_PER_CENT: u128 = 60;

/// An hourly rate, in cents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(u64);

/// Why a text is not a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a decimal number from 0 to 99999999.99")]
pub struct BadRate;

/// The cost of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    minutes: u64,
    /// In sixtieths of a cent.
    parts: u128,
}

/// The hours and costs of many entries. Nothing is rounded before the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    minutes: u128,
    /// In sixtieths of a cent.
    parts: u128,
}

impl Rate {
    /// Makes a rate of whole cents; the highest one if there are more.
    pub fn from_cents(cents: u64) -> Self {
        Self(cents.min(RATE_CENTS_MAX))
    }

    /// Returns the cents.
    pub fn cents(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Rate {
    /// Writes two decimals, such as `75.00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

impl FromStr for Rate {
    type Err = BadRate;

    /// Reads digits with an optional fraction and an optional exponent of ten, and rounds half up to cents.
    fn from_str(text: &str) -> Result<Self, BadRate> {
        if text.len() > RATE_BYTES_MAX {
            return Err(BadRate);
        }
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(BadRate);
        }
        // Where the cents end: the first `cut` digits, with zeros appended if there are fewer.
        let cut = i64::try_from(whole.len()).map_err(|_| BadRate)?.saturating_add(exponent).saturating_add(2);
        round_at(&digits, cut).filter(|cents| *cents <= RATE_CENTS_MAX).map(Self).ok_or(BadRate)
    }
}

/// Reads the exponent of ten; one that is too large to matter becomes the largest or smallest number.
fn read_exponent(text: &str) -> Result<i64, BadRate> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BadRate);
    }
    let exponent = digits.parse().unwrap_or(i64::MAX);
    Ok(if is_negative { -exponent } else { exponent })
}

/// Returns the number of the first `cut` digits, rounded half up by the digit that follows; `None` if it is too large.
fn round_at(digits: &[u8], cut: i64) -> Option<u64> {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let digits = &digits[zeros..];
    if digits.is_empty() {
        return Some(0);
    }
    let Ok(cut) = usize::try_from(cut.saturating_sub(i64::try_from(zeros).ok()?)) else { return Some(0) };
    if cut > DIGITS_MAX {
        return None;
    }
    let digit = |at: usize| digits.get(at).map_or(0, |digit| u64::from(digit - b'0'));
    let number = (0..cut).fold(0, |number, at| number * 10 + digit(at));
    Some(if digit(cut) >= 5 { number + 1 } else { number })
}

/// Returns a duration in whole minutes, rounded half up, as JavaScript's `Math.round` does.
pub fn whole_minutes(duration: Millis) -> u64 {
    duration.0 / MILLIS_PER_MINUTE + u64::from(duration.0 % MILLIS_PER_MINUTE >= MILLIS_PER_MINUTE / 2)
}

impl Cost {
    /// Returns the cost of some minutes at a rate.
    pub fn of(minutes: u64, rate: Rate) -> Self {
        Self { minutes, parts: u128::from(minutes) * u128::from(rate.0) }
    }

    /// Returns the whole hours.
    pub fn hours(self) -> u64 {
        self.minutes / MINUTES_PER_HOUR
    }

    /// Returns the minutes beyond the whole hours.
    pub fn minutes(self) -> u64 {
        self.minutes % MINUTES_PER_HOUR
    }

    /// Returns the unrounded cost, in sixtieths of a cent.
    pub fn parts(self) -> u128 {
        self.parts
    }

    /// Returns the cost in cents, rounded half up.
    pub fn cents(self) -> u128 {
        round_half_up(self.parts, PARTS_PER_CENT)
    }
}

impl Total {
    /// Adds an entry.
    pub fn add(&mut self, cost: Cost) {
        self.minutes += u128::from(cost.minutes);
        self.parts += cost.parts;
    }

    /// Returns the hours in hundredths, rounded half up.
    pub fn hundredths_of_hours(self) -> u128 {
        round_half_up(self.minutes * 100, u128::from(MINUTES_PER_HOUR))
    }

    /// Returns the cost in cents, rounded half up.
    pub fn cents(self) -> u128 {
        round_half_up(self.parts, PARTS_PER_CENT)
    }
}

fn round_half_up(number: u128, divisor: u128) -> u128 {
    (number + divisor / 2) / divisor
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str) -> Option<String> {
        text.parse::<Rate>().ok().map(|rate| rate.to_string())
    }

    #[test]
    fn a_rate_is_read_exactly_and_rounded_half_up() {
        for (text, expected) in [
            ("75", "75.00"),
            ("75.00", "75.00"),
            (".5", "0.50"),
            ("0.005", "0.01"),
            ("0.0049999", "0.00"),
            ("1e2", "100.00"),
            ("1E+2", "100.00"),
            ("12345e-3", "12.35"),
            ("12344.9e-3", "12.34"),
            ("0.00012e4", "1.20"),
            ("0", "0.00"),
            ("000.000", "0.00"),
            ("0e999999999999999999999", "0.00"),
            ("1e-999999999999999999999", "0.00"),
            ("99999999.99", "99999999.99"),
            ("99999999.994", "99999999.99"),
            ("0000000000099999999.99", "99999999.99"),
            ("9999999999e-2", "99999999.99"),
            ("1.005", "1.01"),
            ("5.", "5.00"),
        ] {
            assert_eq!(rate(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_rate_is_refused() {
        let long = "0".repeat(RATE_BYTES_MAX + 1);
        for text in [
            "",
            ".",
            "e2",
            "1e",
            "1e+",
            "-1",
            "+1",
            "-0",
            "NaN",
            "Infinity",
            "1,5",
            "1 ",
            " 1",
            "0x10",
            "1.2.3",
            "1e2.5",
            "99999999.995",
            "100000000",
            "1e8",
            "1e400",
            "1e99999999999999999999",
            "٣",
            "1_000",
            "$5",
            &long,
        ] {
            assert_eq!(rate(text), None, "{text}");
        }
    }

    #[test]
    fn costs_are_those_of_the_contract() {
        for (minutes, rate, hours, rest, cents) in [
            (15, "50.50", 0, 15, 1263),
            (0, "75.00", 0, 0, 0),
            (125, "0.00", 2, 5, 0),
            (60, "75.00", 1, 0, 7500),
            (90, "75.00", 1, 30, 11_250),
            (1, "0.30", 0, 1, 1),
            (1, "0.29", 0, 1, 0),
        ] {
            let cost = Cost::of(minutes, rate.parse().unwrap());
            assert_eq!((cost.hours(), cost.minutes(), cost.cents()), (hours, rest, cents), "{minutes} min at {rate}");
        }
    }

    #[test]
    fn minutes_are_rounded_half_up() {
        for (millis, minutes) in [(0, 0), (29_999, 0), (30_000, 1), (89_999, 1), (90_000, 2), (60_000, 1)] {
            assert_eq!(whole_minutes(Millis(millis)), minutes, "{millis}");
        }
        assert_eq!(whole_minutes(Millis(u64::MAX)), u64::MAX / 60_000 + 1);
    }

    #[test]
    fn sums_are_rounded_last() {
        let mut total = Total::default();
        // Three times 12.625 are 37.875, and not 3 × 12.63.
        (0..3).for_each(|_| total.add(Cost::of(15, "50.50".parse().unwrap())));
        assert_eq!((total.hundredths_of_hours(), total.cents()), (75, 3788));
        // Twenty minutes are a third of an hour.
        total = Total::default();
        (0..3).for_each(|_| total.add(Cost::of(20, Rate::default())));
        assert_eq!(total.hundredths_of_hours(), 100);
    }
}
