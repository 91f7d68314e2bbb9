//! Days of the calendar.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::Timestamp;

/// The days from 0000-03-01 to 1970-01-01.
const EPOCH_FROM_MARCH_0: i64 = 719_468;

/// The days of 400 years, after which the calendar repeats.
const CYCLE: i64 = 146_097;

const MILLIS_PER_DAY: i64 = 86_400_000;

/// A day of the Gregorian calendar: the number of days since 1970-01-01. Written as `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalDate(i64);

/// Why a text is not a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a date such as 2026-11-20")]
pub struct BadDate;

impl LocalDate {
    /// Returns the date of an instant where local time is this many seconds ahead of UTC.
    pub(crate) fn at(instant: Timestamp, offset_seconds: i32) -> Self {
        let local = i64::try_from(instant.0).unwrap_or(i64::MAX / 2) + i64::from(offset_seconds) * 1000;
        Self(local.div_euclid(MILLIS_PER_DAY))
    }

    /// Returns the instant at which the day begins in UTC; the epoch for earlier days.
    pub fn utc_start(self) -> Timestamp {
        Timestamp(u64::try_from(self.0 * MILLIS_PER_DAY).unwrap_or(0))
    }

    /// Returns the next day.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Returns the day before.
    pub fn previous(self) -> Self {
        Self(self.0 - 1)
    }

    /// Returns the day that is so many days before.
    #[must_use]
    pub fn days_before(self, days: i64) -> Self {
        Self(self.0 - days)
    }

    /// Returns the number of days since another date; negative if it is later.
    pub fn days_since(self, other: Self) -> i64 {
        self.0 - other.0
    }

    /// Returns the local time at which the day begins, in milliseconds since 1970 of local time.
    pub(crate) fn local_start(self) -> i64 {
        self.0 * MILLIS_PER_DAY
    }

    /// Returns year, month and day.
    fn civil(self) -> (i64, i64, i64) {
        let days = self.0 + EPOCH_FROM_MARCH_0;
        let (cycle, day) = (days.div_euclid(CYCLE), days.rem_euclid(CYCLE));
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day_of_year = day - (365 * year + year / 4 - year / 100);
        // The year begins in March, so that the leap day is its last.
        let month = (5 * day_of_year + 2) / 153;
        let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        (year + cycle * 400 + i64::from(month <= 2), month, day_of_month)
    }

    fn from_civil(year: i64, month: i64, day: i64) -> Self {
        let year = year - i64::from(month <= 2);
        let (cycle, year) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
        Self(cycle * CYCLE + year * 365 + year / 4 - year / 100 + day_of_year - EPOCH_FROM_MARCH_0)
    }
}

impl fmt::Display for LocalDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for LocalDate {
    type Err = BadDate;

    fn from_str(text: &str) -> Result<Self, BadDate> {
        let digits = |from: usize, to: usize| {
            let part = text.get(from..to).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
            part.and_then(|part| part.parse::<i64>().ok()).ok_or(BadDate)
        };
        if text.len() != 10 || text.as_bytes()[4] != b'-' || text.as_bytes()[7] != b'-' {
            return Err(BadDate);
        }
        let civil = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
        let date = Self::from_civil(civil.0, civil.1, civil.2);
        // A day that does not exist is written as another one.
        if (1..=12).contains(&civil.1) && date.civil() == civil { Ok(date) } else { Err(BadDate) }
    }
}

impl Serialize for LocalDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LocalDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_back_as_written_and_days_that_do_not_exist_are_refused() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("2000-02-29", 11_016),
            ("2026-11-29", 20_786),
            ("1969-12-31", -1),
            ("2100-03-01", 47_541),
        ] {
            let date: LocalDate = text.parse().unwrap();
            assert_eq!((date.0, date.to_string().as_str()), (days, text));
        }
        for day in (-800_000..800_000).step_by(7) {
            let date = LocalDate(day);
            assert_eq!(date.to_string().parse(), Ok(date).filter_short(), "{date}");
        }
        for text in
            ["2026-02-29", "2026-13-01", "2026-00-10", "2026-1-01", "2026-11-29T", "", "2026/11/29", "２026-11-9"]
        {
            assert_eq!(text.parse::<LocalDate>(), Err(BadDate), "{text}");
        }
    }

    /// Years beyond four digits are written and not read.
    trait FilterShort {
        fn filter_short(self) -> Self;
    }

    impl FilterShort for Result<LocalDate, BadDate> {
        fn filter_short(self) -> Self {
            self.and_then(|date| if (0..=9999).contains(&date.civil().0) { Ok(date) } else { Err(BadDate) })
        }
    }
}
