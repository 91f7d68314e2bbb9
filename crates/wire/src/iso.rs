//! Instants as ISO 8601 texts.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use serde::{Serialize, Serializer};
use timers::Timestamp;

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// An instant that is serialised as [`write`] writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Iso(pub(crate) Timestamp);

impl Serialize for Iso {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&write(self.0))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Iso {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "IsoInstant".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "An instant by the server's clock in UTC, with milliseconds.",
            "type": "string",
            "format": "date-time",
            "examples": ["2026-11-20T10:00:00.250Z"],
        })
    }
}

/// Reads an instant with its offset, e.g. `2026-11-20T10:00:00.250Z`, up to the end of the year 9999.
pub(crate) fn read(text: &str) -> Result<Timestamp, String> {
    timestamp(parse(text.trim()).ok_or("must be an ISO 8601 instant such as 2026-11-20T10:00:00.000Z")?)
}

fn timestamp(instant: SignedDuration) -> Result<Timestamp, String> {
    let millis = u64::try_from(instant.as_millis()).map_err(|_| "must not be before 1970")?;
    civil(Timestamp(millis)).map(|_| Timestamp(millis)).ok_or_else(|| "must not be after the year 9999".to_owned())
}

/// Reads an instant as PostgreSQL writes it, e.g. `2026-11-20 10:00:00.25+00`, and UTC if it has no offset; up to the end of
/// the year 9999. What is below a millisecond is cut off.
pub(crate) fn read_sql(text: &str) -> Result<Timestamp, String> {
    let pieces = Pieces::parse(text).ok().filter(|_| text.contains(' '));
    let since = pieces.and_then(|pieces| since_epoch(&pieces, pieces.to_numeric_offset().unwrap_or(Offset::UTC)));
    let since = since.ok_or("must be a timestamp such as 2026-11-20 10:00:00.123+00 (datestyle ISO)")?;
    timestamp(since)
}

/// Returns the time since the epoch. `jiff::Timestamp` ends 26 hours before the year 9999 does, so that it can be shown
/// in any time zone.
fn parse(text: &str) -> Option<SignedDuration> {
    let pieces = Pieces::parse(text).ok()?;
    since_epoch(&pieces, pieces.to_numeric_offset()?)
}

fn since_epoch(pieces: &Pieces<'_>, offset: Offset) -> Option<SignedDuration> {
    let local = pieces.date().to_datetime(pieces.time()?);
    Some(local.duration_since(EPOCH) - SignedDuration::from_secs(offset.seconds().into()))
}

fn civil(instant: Timestamp) -> Option<DateTime> {
    EPOCH.checked_add(SignedDuration::from_millis(i64::try_from(instant.0).ok()?)).ok()
}

/// Writes an instant as JavaScript's `toISOString` does.
pub(crate) fn write(instant: Timestamp) -> String {
    civil(instant).unwrap_or(DateTime::MAX).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_in_any_zone_and_written_in_utc_with_milliseconds() {
        assert_eq!(write(read("2026-11-20T11:00:00.25+01:00").unwrap()), "2026-11-20T10:00:00.250Z");
        assert_eq!(write(read("2026-11-20T05:00:00-05:30").unwrap()), "2026-11-20T10:30:00.000Z");
        assert_eq!(write(Timestamp(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(read("1969-12-31T23:59:59Z"), Err("must not be before 1970".to_owned()));
        for text in ["2026-11-20", "2026-11-20T10:00:00", "yesterday", "", "2026-02-30T10:00:00Z"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_last_instant_is_the_end_of_the_year_9999() {
        for last in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59+02:00"] {
            assert_eq!(read(&write(read(last).unwrap())), read(last));
        }
        assert_eq!(write(read("9999-12-31T23:59:59Z").unwrap()), "9999-12-31T23:59:59.000Z");
        assert_eq!(read("9999-12-31T23:59:59-02:00"), Err("must not be after the year 9999".to_owned()));
    }

    #[test]
    fn an_instant_of_postgresql_is_read_with_and_without_an_offset() {
        for (text, expected) in [
            ("2026-11-20 10:00:00", "2026-11-20T10:00:00.000Z"),
            ("2026-11-20 10:00:00.5", "2026-11-20T10:00:00.500Z"),
            ("2026-11-20 10:00:00.123999", "2026-11-20T10:00:00.123Z"),
            ("2026-11-20 10:00:00.123+00", "2026-11-20T10:00:00.123Z"),
            ("2026-11-20 15:30:00+05:30", "2026-11-20T10:00:00.000Z"),
            ("2026-11-20 07:00:00-03", "2026-11-20T10:00:00.000Z"),
            ("1970-01-01 05:21:10+05:21:10", "1970-01-01T00:00:00.000Z"),
            ("9999-12-31 23:59:59.999", "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(read_sql(text).map(write).as_deref(), Ok(expected), "{text}");
        }
        for text in [
            "infinity",
            "-infinity",
            "",
            "2026-11-20",
            "11/20/2026 10:00:00 UTC",
            "2026-11-20T10:00:00",
            "2026-02-30 10:00:00",
            "12026-01-01 00:00:00",
            "0044-03-15 00:00:00 BC",
            "1969-12-31 23:59:59",
        ] {
            assert!(read_sql(text).is_err(), "{text}");
        }
    }
}
