//! Costs as the server counts them: in sixtieths of a cent, and rounded half up once, at the end. Pure.

use crate::studio::protocol::TimerCost;

const PARTS_PER_CENT: i128 = 60;

/// Returns the length of an entry in minutes, rounded half up.
#[must_use]
pub fn whole_minutes(duration_ms: i64) -> i64 {
    duration_ms.saturating_add(30_000).div_euclid(60_000)
}

/// Returns the cost of some minutes at a rate, which is a decimal number with two decimals, such as `75.00`; `None` for
/// other rates.
#[must_use]
pub fn cost_of(duration_minutes: i64, hourly_rate: &str) -> Option<TimerCost> {
    let parts = i128::from(duration_minutes) * i128::from(rate_hundredths(hourly_rate)?);
    let cents = (parts + PARTS_PER_CENT / 2).div_euclid(PARTS_PER_CENT);
    Some(TimerCost {
        hours: duration_minutes.div_euclid(60),
        minutes: duration_minutes.rem_euclid(60),
        cost: parts as f64 / 6_000.0,
        formatted_cost: format!("${}.{:02}", cents / 100, cents % 100),
    })
}

/// Reads a rate in hundredths.
pub(crate) fn rate_hundredths(rate: &str) -> Option<u64> {
    let (whole, fraction) = rate.split_once('.')?;
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || fraction.len() != 2 {
        return None;
    }
    format!("{whole}{fraction}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_rounded_half_up_once() {
        let cost = |minutes, rate| cost_of(minutes, rate).unwrap().formatted_cost;
        assert_eq!([cost(15, "50.50"), cost(90, "0.00"), cost(1_455, "75.00")], ["$12.63", "$0.00", "$1818.75"]);
        let parts = cost_of(15, "50.50").unwrap();
        assert_eq!((parts.hours, parts.minutes, parts.cost), (0, 15, 12.625));
        assert_eq!([29_999, 30_000, 89_999].map(whole_minutes), [0, 1, 1]);
        for rate in ["", "75", "75.0", "-1.00", "+1.00", "NaN", "7 5.00", ".50", "99999999999999999999.00"] {
            assert_eq!(cost_of(1, rate), None, "{rate}");
        }
    }
}
