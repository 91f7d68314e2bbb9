//! Numbers as JavaScript reads and writes them.

use serde::{Serialize, Serializer};
use serde_json::Number;

/// The largest integer of JavaScript that is exact.
pub(crate) const INTEGER_MAX: i64 = (1 << 53) - 1;

/// Most digits of a text that is shown as a number: fewer than those of any integer that is not exact.
const DIGITS_MAX: usize = 15;

/// A fraction that is written as JavaScript writes it: without a fraction if it is whole.
pub(crate) struct Decimal {
    pub(crate) numerator: u128,
    pub(crate) denominator: u32,
}

/// A user id, which is written as a number if it consists of digits only, and as `null` if it is not known: an imported
/// entry can have no user.
pub(crate) struct UserNumber<'a>(pub(crate) &'a str);

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Decimal {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Decimal".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "number", "minimum": 0 })
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for UserNumber<'_> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StudioUserId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "The id of a user: a number if it has digits only, and `null` if the user is not known.",
            "type": ["integer", "string", "null"],
        })
    }
}

/// Returns the integer that JavaScript reads, if the number is one and exact. `3.0` and `3e0` are.
pub(crate) fn integer(number: &Number) -> Option<i64> {
    let integer = number.as_i64().or_else(|| {
        let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 1e16)?;
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
        Some(float as i64)
    })?;
    (integer.abs() <= INTEGER_MAX).then_some(integer)
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let denominator = u128::from(self.denominator);
        if self.numerator.is_multiple_of(denominator) {
            return serializer.serialize_u128(self.numerator / denominator);
        }
        #[expect(clippy::cast_precision_loss, reason = "JavaScript's numbers have that precision")]
        serializer.serialize_f64(self.numerator as f64 / f64::from(self.denominator))
    }
}

impl Serialize for UserNumber<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_empty() {
            return serializer.serialize_none();
        }
        let is_number = self.0.bytes().all(|byte| byte.is_ascii_digit());
        let is_canonical = self.0.len() <= DIGITS_MAX && (self.0 == "0" || !self.0.starts_with('0'));
        match self.0.parse::<u64>() {
            Ok(number) if is_number && is_canonical => serializer.serialize_u64(number),
            Ok(_) | Err(_) => serializer.serialize_str(self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_those_of_javascript() {
        let read = |text: &str| integer(&serde_json::from_str(text).unwrap());
        for (text, expected) in [
            ("3", Some(3)),
            ("3.0", Some(3)),
            ("3e0", Some(3)),
            ("-7", Some(-7)),
            ("0", Some(0)),
            ("9007199254740991", Some(INTEGER_MAX)),
            ("9007199254740992", None),
            ("9007199254740992.0", None),
            ("-9223372036854775807", None),
            ("18446744073709551615", None),
            ("1e300", None),
            ("3.5", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        assert!(serde_json::from_str::<Number>("1e999").map_or(true, |number| integer(&number).is_none()));
    }

    #[test]
    fn decimals_and_user_ids_are_written_as_javascript_writes_them() {
        let decimal = |numerator, denominator| serde_json::to_string(&Decimal { numerator, denominator }).unwrap();
        assert_eq!(decimal(150, 100), "1.5");
        assert_eq!(decimal(200, 100), "2");
        assert_eq!(decimal(0, 100), "0");
        assert_eq!(decimal(75_750, 6000), "12.625");
        assert_eq!(decimal(1, 3), "0.3333333333333333");
        let user = |text| serde_json::to_string(&UserNumber(text)).unwrap();
        for (text, expected) in
            [("7", "7"), ("0", "0"), ("007", "\"007\""), ("7a", "\"7a\""), ("", "null"), ("-7", "\"-7\"")]
        {
            assert_eq!(user(text), expected);
        }
        assert_eq!(user("1234567890123456"), "\"1234567890123456\"");
    }
}
