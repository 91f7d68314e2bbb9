//! The bounds of a person's days.

use crate::time::Millis;

/// Bounds on a person's days, set by the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PunchClockLimits {
    /// Most punches of a day.
    pub punches: usize,
    /// How long the ids of punches are remembered that were deleted or archived.
    pub remembered_for: Millis,
    /// How many days back a punch can be dated.
    pub days_back: i64,
    /// The themes that the page knows.
    pub themes: Vec<String>,
}

impl Default for PunchClockLimits {
    /// A punch every minute of a long day. A tab sleeps over a holiday. A year and a month of days can be corrected. The
    /// themes are those of the contract.
    fn default() -> Self {
        Self {
            punches: 1000,
            remembered_for: Millis::from_hours(30 * 24),
            days_back: 400,
            themes: ["minimal", "aurora", "dark"].map(str::to_owned).to_vec(),
        }
    }
}
