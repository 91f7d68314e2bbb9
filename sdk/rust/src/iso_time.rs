//! Instants of JSON, ISO 8601 texts in UTC with milliseconds, as milliseconds since 1970.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Returns the text of an instant. The range of dates ends within the range of numbers.
pub(crate) fn text(ms: i64) -> String {
    let instant = Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 { Timestamp::MIN } else { Timestamp::MAX });
    format!("{instant:.3}")
}

pub(crate) fn serialize<S: Serializer>(ms: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    text(*ms).serialize(serializer)
}

pub(crate) fn deserialize<'a, D: Deserializer<'a>>(deserializer: D) -> Result<i64, D::Error> {
    parse(&String::deserialize(deserializer)?)
}

fn parse<E: serde::de::Error>(text: &str) -> Result<i64, E> {
    let instant: Timestamp = text.parse().map_err(E::custom)?;
    Ok(instant.as_millisecond())
}

/// Instants that can be null.
pub(crate) mod option {
    use super::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(ms: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
        ms.map(super::text).serialize(serializer)
    }

    pub(crate) fn deserialize<'a, D: Deserializer<'a>>(deserializer: D) -> Result<Option<i64>, D::Error> {
        Option::<String>::deserialize(deserializer)?.map(|text| super::parse(&text)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_with_any_offset_and_written_in_utc_with_milliseconds() {
        let parsed: Result<i64, serde_json::Error> = parse("2023-11-14T23:13:20.25+01:00");
        assert_eq!(
            (parsed.unwrap(), text(1_700_000_000_250)),
            (1_700_000_000_250, "2023-11-14T22:13:20.250Z".to_owned())
        );
        assert!(parse::<serde_json::Error>("soon").is_err());
        assert!(text(i64::MAX).starts_with("9999-12-30"), "{}", text(i64::MAX));
    }
}
