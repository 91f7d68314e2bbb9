//! How full the store is.

/// The space of one server of the store: memory, or a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Bytes in use, those of others included.
    pub used: u64,
    /// Bytes that can be used.
    pub limit: u64,
}

impl Capacity {
    /// Returns the used part in percent, rounded down; 100 if nothing can be used.
    pub fn percent(self) -> u64 {
        let percent = u128::from(self.used) * 100 / u128::from(self.limit.max(1));
        u64::try_from(percent).unwrap_or(u64::MAX)
    }

    /// Returns the one of which a larger part is used.
    #[must_use]
    pub fn fuller(self, other: Self) -> Self {
        let is_fuller =
            u128::from(self.used) * u128::from(other.limit) >= u128::from(other.used) * u128::from(self.limit);
        if is_fuller { self } else { other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fuller_one_is_that_of_which_a_larger_part_is_used() {
        let (half, whole) = (Capacity { used: 50, limit: 100 }, Capacity { used: 8, limit: 8 });
        assert_eq!((half.fuller(whole), whole.fuller(half), half.fuller(half)), (whole, whole, half));
        assert_eq!((half.percent(), whole.percent()), (50, 100));
        assert_eq!(Capacity { used: u64::MAX, limit: 0 }.percent(), u64::MAX);
    }
}
