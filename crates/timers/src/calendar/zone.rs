//! A person's time zone.

use serde::{Deserialize, Serialize};

use crate::calendar::date::LocalDate;
use crate::time::Timestamp;

/// Longest name of a zone in bytes; the longest of the IANA database has 32.
const NAME_BYTES_MAX: usize = 64;

/// Most changes of the offset that are kept: those since the year 2000 of any zone (Morocco has four a year).
const OFFSETS_MAX: usize = 128;

/// The largest offset in seconds: a day, which no zone reaches.
const OFFSET_MAX: i32 = 86_400;

/// A time zone, with its offsets around the present. They are values, because the rules have no time zone database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// The name in the IANA database.
    name: String,
    /// The instants from which local time is so many seconds ahead of UTC, in order. The first offset also holds before
    /// its instant.
    offsets: Vec<(Timestamp, i32)>,
}

/// Why offsets are no zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the offsets of a zone are in order, within a day, and 1 to {OFFSETS_MAX}; its name has at most {NAME_BYTES_MAX} bytes"
)]
pub struct BadZone;

impl Zone {
    /// Makes a zone of its offsets. If there are too many, the latest are left out.
    ///
    /// # Errors
    /// [`BadZone`]: there is no offset, they are not in order, one is not less than a day, or the name is too long.
    pub fn new(name: &str, mut offsets: Vec<(Timestamp, i32)>) -> Result<Self, BadZone> {
        offsets.truncate(OFFSETS_MAX);
        let is_ordered = offsets.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let is_small = offsets.iter().all(|(_, offset)| offset.abs() < OFFSET_MAX);
        if offsets.is_empty() || !is_ordered || !is_small || name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(BadZone);
        }
        Ok(Self { name: name.to_owned(), offsets })
    }

    /// Returns UTC.
    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), offsets: vec![(Timestamp(0), 0)] }
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns how many seconds local time is ahead of UTC.
    pub fn offset_at(&self, instant: Timestamp) -> i32 {
        let after = self.offsets.partition_point(|(since, _)| *since <= instant);
        self.offsets[after.saturating_sub(1)].1
    }

    /// Returns the date of an instant.
    pub fn date_at(&self, instant: Timestamp) -> LocalDate {
        LocalDate::at(instant, self.offset_at(instant))
    }

    /// Returns the first instant of a day, or of the next day that exists: where midnight is left out, a day begins later,
    /// and where it comes twice, with the first.
    pub fn start_of(&self, date: LocalDate) -> Timestamp {
        for (index, (since, offset)) in self.offsets.iter().enumerate() {
            let since = if index == 0 { Timestamp(0) } else { *since };
            let midnight = date.local_start() - i64::from(*offset) * 1000;
            // Within one offset local time does not go back, so this is the first instant of the day or later.
            let first = Timestamp(u64::try_from(midnight).unwrap_or(0)).max(since);
            if self.offsets.get(index + 1).is_none_or(|(end, _)| first < *end) {
                return first;
            }
        }
        // The last offset has no end.
        Timestamp(u64::MAX)
    }

    /// Returns the zone without the offsets that ended before an instant.
    #[must_use]
    pub(crate) fn since(&self, instant: Timestamp) -> Self {
        let after = self.offsets.partition_point(|(since, _)| *since <= instant).max(1);
        let mut offsets = self.offsets[after - 1..].to_vec();
        // The first one has no beginning; a caller gives the instant from which it has looked.
        offsets[0].0 = Timestamp(0);
        Self { name: self.name.clone(), offsets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Midnight at the end of October in Berlin, and noon in March.
    fn berlin() -> Zone {
        let offsets = vec![
            (Timestamp(1_743_296_400_000), 7200),
            (Timestamp(1_761_440_400_000), 3600),
            (Timestamp(1_774_746_000_000), 7200),
        ];
        Zone::new("Europe/Berlin", offsets).unwrap()
    }

    fn hours(zone: &Zone, date: &str) -> u64 {
        let date: LocalDate = date.parse().unwrap();
        (zone.start_of(date.next()).0 - zone.start_of(date).0) / 3_600_000
    }

    #[test]
    fn days_have_23_24_and_25_hours() {
        let zone = berlin();
        assert_eq!(
            ["2025-10-25", "2025-10-26", "2025-10-27", "2026-03-29"].map(|date| hours(&zone, date)),
            [24, 25, 24, 23]
        );
        for days in 20_200..20_600_u64 {
            let date = LocalDate::at(Timestamp(days * 86_400_000), 0);
            let start = zone.start_of(date);
            assert_eq!((zone.date_at(start), zone.date_at(Timestamp(start.0 - 1))), (date, date.previous()));
        }
    }

    #[test]
    fn a_day_without_midnight_begins_later_and_one_with_two_begins_with_the_first() {
        // Forward at midnight of 2018-11-04 (São Paulo), back at midnight of 2018-02-18: from 00:00 to 23:00 of the day before.
        let forward = Zone::new("x", vec![(Timestamp(0), -10_800), (Timestamp(1_541_300_400_000), -7200)]).unwrap();
        let date: LocalDate = "2018-11-04".parse().unwrap();
        assert_eq!(forward.start_of(date), Timestamp(1_541_300_400_000));
        assert_eq!(hours(&forward, "2018-11-04"), 23);
        let back = Zone::new("x", vec![(Timestamp(0), -7200), (Timestamp(1_518_919_200_000), -10_800)]).unwrap();
        assert_eq!(hours(&back, "2018-02-17"), 25);
        // A day that is left out (Samoa, 2011-12-30) has no length.
        let samoa = Zone::new("x", vec![(Timestamp(0), -36_000), (Timestamp(1_325_239_200_000), 50_400)]).unwrap();
        assert_eq!(
            (hours(&samoa, "2011-12-29"), hours(&samoa, "2011-12-30"), hours(&samoa, "2011-12-31")),
            (24, 0, 24)
        );
    }

    #[test]
    fn offsets_that_are_no_zone_are_refused() {
        for offsets in [vec![], vec![(Timestamp(1), 0), (Timestamp(1), 1)], vec![(Timestamp(0), 86_400)]] {
            assert_eq!(Zone::new("x", offsets), Err(BadZone));
        }
        assert!(Zone::new("", vec![(Timestamp(0), 0)]).is_err());
        let many = (0..200).map(|nth| (Timestamp(nth), 0)).collect();
        assert_eq!(Zone::new("x", many).unwrap().offsets.len(), OFFSETS_MAX);
        let later = berlin().since(Timestamp(1_761_440_400_001));
        assert_eq!(later.offsets, [(Timestamp(0), 3600), (Timestamp(1_774_746_000_000), 7200)]);
    }
}
