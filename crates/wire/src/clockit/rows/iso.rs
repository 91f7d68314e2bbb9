//! Instants as ISO 8601 texts.

use timers::Timestamp;

/// Reads an instant with its offset, e.g. `2026-11-20T10:00:00.250Z`.
pub(crate) fn read(text: &str) -> Result<Timestamp, String> {
    let instant: jiff::Timestamp =
        text.trim().parse().map_err(|_| "must be an ISO 8601 instant such as 2026-11-20T10:00:00.000Z".to_owned())?;
    u64::try_from(instant.as_millisecond()).map(Timestamp).map_err(|_| "must not be before 1970".to_owned())
}

/// Writes an instant as JavaScript's `toISOString` does.
pub(crate) fn write(instant: Timestamp) -> String {
    let millis = i64::try_from(instant.0).unwrap_or(i64::MAX);
    match jiff::Timestamp::from_millisecond(millis) {
        Ok(instant) => instant.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        Err(_) => jiff::Timestamp::MAX.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_in_any_zone_and_written_in_utc_with_milliseconds() {
        assert_eq!(write(read("2026-11-20T11:00:00.25+01:00").unwrap()), "2026-11-20T10:00:00.250Z");
        assert_eq!(write(Timestamp(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(read("1969-12-31T23:59:59Z"), Err("must not be before 1970".to_owned()));
        assert!(read("2026-11-20").is_err());
        assert!(read("yesterday").is_err());
    }
}
