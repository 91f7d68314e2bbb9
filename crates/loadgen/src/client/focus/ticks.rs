//! The ticks that a person receives. They have no instant, but each has one second more than the one before.

/// What is known of the ticks of one session.
#[derive(Default)]
pub(super) struct TickSequence {
    /// The second of the clock at which no second was counted; the earliest that fits all ticks.
    base: Option<u64>,
    last: Option<u64>,
}

/// What a tick shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReceivedTick {
    /// Time since its second, µs.
    pub(super) late: u64,
    /// Seconds without a tick before it.
    pub(super) missing: u64,
    /// Whether its second has been received before.
    pub(super) is_doubled: bool,
}

impl TickSequence {
    /// Takes a tick by its seconds and by the time since 1970 at which it came, µs.
    pub(super) fn receive(&mut self, elapsed: u64, now: u64) -> ReceivedTick {
        let base = (now / 1_000_000).saturating_sub(elapsed);
        let base = self.base.map_or(base, |known| known.min(base));
        self.base = Some(base);
        let (missing, is_doubled) = match self.last.map(|last| elapsed.checked_sub(last)) {
            None => (0, false),
            Some(None | Some(0)) => (0, true),
            Some(Some(step)) => (step - 1, false),
        };
        self.last = Some(elapsed);
        ReceivedTick { late: now.saturating_sub((base + elapsed) * 1_000_000), missing, is_doubled }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_timed_by_their_seconds() {
        let mut ticks = TickSequence::default();
        let mut receive = |elapsed, ms: u64| {
            let ReceivedTick { late, missing, is_doubled } = ticks.receive(elapsed, ms * 1000);
            (late / 1000, missing, is_doubled)
        };
        assert_eq!(receive(5, 101_200), (200, 0, false), "it was later in fact");
        assert_eq!(receive(6, 101_300), (300 + 1000 - 1000, 0, false));
        assert_eq!(receive(7, 103_700), (1_700, 0, false));
        assert_eq!(receive(7, 103_800), (1_800, 0, true));
        assert_eq!(receive(10, 105_010), (10, 2, false));
    }
}
