//! Time zones of the IANA database, as the rules take them.

use jiff::tz::TimeZoneDatabase;
use timers::Timestamp;
use timers::calendar::Zone;

/// How far ahead the offsets of a zone are given. A person who is away for longer keeps the last one until the next request.
const AHEAD_SECONDS: i64 = 2 * 366 * 86_400;

/// Returns a zone with its offsets from shortly before `from` until two years after `now`; `None` if there is no zone of
/// this name.
pub fn zone(name: &str, from: Timestamp, now: Timestamp) -> Option<Zone> {
    let (canonical, offsets) = offsets(name, from, now)?;
    Zone::new(&canonical, offsets).ok()
}

/// Returns the name of a zone as the database writes it, and its offsets.
fn offsets(name: &str, from: Timestamp, now: Timestamp) -> Option<(String, Vec<(Timestamp, i32)>)> {
    let zone = TimeZoneDatabase::bundled().get(name).ok()?;
    let canonical = zone.iana_name().unwrap_or("UTC").to_owned();
    let seconds = |at: Timestamp| i64::try_from(at.0 / 1000).unwrap_or(i64::MAX);
    // Two days before, since the start of a day can depend on the offset before it.
    let from = jiff::Timestamp::from_second(seconds(from).saturating_sub(2 * 86_400).max(0)).ok()?;
    let until = jiff::Timestamp::from_second(seconds(now).saturating_add(AHEAD_SECONDS)).ok()?;
    let millis = |at: jiff::Timestamp| Timestamp(u64::try_from(at.as_millisecond()).unwrap_or(0));
    let mut offsets = vec![(millis(from), zone.to_offset(from).seconds())];
    for transition in zone.following(from).take_while(|transition| transition.timestamp() <= until) {
        let offset = transition.offset().seconds();
        if offsets.last().is_some_and(|(_, last)| *last != offset) {
            offsets.push((millis(transition.timestamp()), offset));
        }
    }
    Some((canonical, offsets))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_176_000_000);

    #[test]
    fn zones_have_the_offsets_of_the_database() {
        let at = |name: &str, iso: &str| {
            let instant = crate::iso::read(iso).unwrap();
            zone(name, NOW, NOW).unwrap().offset_at(instant)
        };
        assert_eq!(at("Europe/Berlin", "2026-11-20T12:00:00Z"), 3600);
        assert_eq!(at("europe/berlin", "2027-03-28T00:59:59Z"), 3600);
        assert_eq!(at("Europe/Berlin", "2027-03-28T01:00:00Z"), 7200);
        assert_eq!(at("Asia/Kathmandu", "2028-11-20T12:00:00Z"), 20_700);
        assert_eq!(at("Australia/Lord_Howe", "2026-11-20T12:00:00Z"), 39_600);
        assert_eq!(at("Australia/Lord_Howe", "2027-06-20T12:00:00Z"), 37_800);
        assert_eq!(at("UTC", "2026-11-20T12:00:00Z"), 0);
        assert_eq!(zone("europe/berlin", NOW, NOW).unwrap().name(), "Europe/Berlin");
        for name in ["", "Europe", "Mars/Olympus", "Europe/Berlin ", "../etc/passwd", "+01:00"] {
            assert_eq!(zone(name, NOW, NOW), None, "{name}");
        }
    }
}
