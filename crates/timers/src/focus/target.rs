//! The time that a person sets out to work.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Number;

use crate::raw_json::RawJson;

/// The largest number below which JavaScript reads every integer exactly.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Minutes that a person sets out to work: a finite number above 0. It is written as JavaScript shows it: 25 and 25.0 as
/// 25, and 0.5 as 0.5.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct TargetMinutes(Number);

/// Why a text is no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid target minutes")]
pub struct BadTarget;

impl TargetMinutes {
    /// Returns the minutes.
    pub fn as_f64(&self) -> f64 {
        self.0.as_f64().unwrap_or(f64::INFINITY)
    }

    /// Returns the number to show.
    pub fn number(&self) -> &Number {
        &self.0
    }
}

/// Reads a decimal number, with or without an exponent.
impl FromStr for TargetMinutes {
    type Err = BadTarget;

    fn from_str(text: &str) -> Result<Self, BadTarget> {
        let minutes: f64 = text.parse().map_err(|_| BadTarget)?;
        if !minutes.is_finite() || minutes <= 0.0 {
            return Err(BadTarget);
        }
        let number = if minutes.fract() == 0.0 && minutes < EXACT_MAX {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small integer above 0")]
            Number::from(minutes as u64)
        } else {
            Number::from_f64(minutes).ok_or(BadTarget)?
        };
        Ok(Self(number))
    }
}

impl<'de> Deserialize<'de> for TargetMinutes {
    /// Reads a number from its text, since the parser of JSON can miss the nearest one by the last bit.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        RawJson::deserialize(deserializer)?.as_str().parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_written_as_javascript_shows_it() {
        for (text, shown) in [("25", "25"), ("25.0", "25"), ("2.5e1", "25"), ("0.5", "0.5"), ("0.1", "0.1")] {
            let target: TargetMinutes = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&target).unwrap(), shown);
        }
        for text in ["1e308", "18446744073709551615", "5e-324", "2.2250738585072011e-308", "8.98846567431158e307"] {
            let target: TargetMinutes = serde_json::from_str(text).unwrap();
            let read: TargetMinutes = serde_json::from_str(&serde_json::to_string(&target).unwrap()).unwrap();
            assert_eq!((target.as_f64(), &read), (text.parse().unwrap(), &target), "{text}");
        }
    }

    #[test]
    fn a_target_that_is_not_a_number_above_0_is_refused() {
        for text in ["0", "-0.0", "-1", "-1e308", "1e999", "1e-999", "\"25\"", "null", "[25]", "true"] {
            assert!(serde_json::from_str::<TargetMinutes>(text).is_err(), "{text}");
        }
        for text in ["", "inf", "NaN", "25 ", "0x19"] {
            assert_eq!(text.parse::<TargetMinutes>(), Err(BadTarget), "{text}");
        }
    }
}
