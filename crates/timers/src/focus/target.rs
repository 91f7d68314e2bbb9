//! The time that a person sets out to work.

use serde::{Deserialize, Serialize};
use serde_json::Number;

/// Minutes that a person sets out to work: a finite number above 0, kept as it was given, so that 25 stays 25 and 0.5
/// stays 0.5.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Number")]
pub struct TargetMinutes(Number);

/// Why a number is no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid target minutes")]
pub struct BadTarget;

impl TargetMinutes {
    /// Returns the minutes.
    pub fn as_f64(&self) -> f64 {
        self.0.as_f64().unwrap_or(f64::INFINITY)
    }

    /// Returns the number as it was given.
    pub fn number(&self) -> &Number {
        &self.0
    }
}

impl TryFrom<Number> for TargetMinutes {
    type Error = BadTarget;

    fn try_from(number: Number) -> Result<Self, BadTarget> {
        let is_valid = number.as_f64().is_some_and(|minutes| minutes.is_finite() && minutes > 0.0);
        if is_valid { Ok(Self(number)) } else { Err(BadTarget) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_kept_as_it_was_given_and_one_that_is_not_above_0_is_refused() {
        for text in ["25", "0.5", "1e308", "18446744073709551615", "5e-324"] {
            let target: TargetMinutes = serde_json::from_str(text).unwrap();
            let read: TargetMinutes = serde_json::from_str(&serde_json::to_string(&target).unwrap()).unwrap();
            assert_eq!((target.as_f64(), &read), (text.parse().unwrap(), &target), "{text}");
        }
        assert_eq!(serde_json::to_string(&serde_json::from_str::<TargetMinutes>("25").unwrap()).unwrap(), "25");
        for text in ["0", "-0.0", "-1", "-1e308", "\"25\"", "null", "1e999"] {
            assert!(serde_json::from_str::<TargetMinutes>(text).is_err(), "{text}");
        }
    }
}
