//! Detects a link that has stopped to deliver without a close. Counts checks instead of seconds: a process that was
//! suspended has checked rarely, so its detection is late but never wrong.

/// Ticks come every second; the server may skip or delay two of them without a fault.
const STALE_CHECKS: u32 = 4;

/// A link without the ticks that are due counts as dead, well before the minutes that TCP needs to report it.
const DEAD_CHECKS: u32 = 15;

/// After this silence the client asks for an answer.
const PROBE_CHECKS: u32 = 30;

/// A link without an answer by then counts as dead.
const SILENT_CHECKS: u32 = 40;

/// What a check finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkCondition {
    Good,
    /// Displayed values may be old.
    Stale,
    /// A message that the server answers is due.
    Probe,
    /// The link is to be given up.
    Dead,
}

/// Counts the checks, one a second, since the last message and since the last tick.
#[derive(Debug, Default)]
pub(crate) struct LinkMonitor {
    without_tick: u32,
    without_message: u32,
}

impl LinkMonitor {
    /// Processes a new link.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Processes a message.
    pub(crate) fn receive(&mut self, is_tick: bool) {
        self.without_message = 0;
        if is_tick {
            self.without_tick = 0;
        }
    }

    /// Processes a second in which ticks were due or not.
    pub(crate) fn check(&mut self, expects_ticks: bool) -> LinkCondition {
        self.without_message += 1;
        self.without_tick = if expects_ticks { self.without_tick + 1 } else { 0 };
        if self.without_tick >= DEAD_CHECKS || self.without_message >= SILENT_CHECKS {
            LinkCondition::Dead
        } else if self.without_message == PROBE_CHECKS {
            LinkCondition::Probe
        } else if self.without_tick >= STALE_CHECKS {
            LinkCondition::Stale
        } else {
            LinkCondition::Good
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_without_its_ticks_is_stale_and_then_dead() {
        let mut monitor = LinkMonitor::default();
        let found: Vec<_> = (1..=15).map(|_| monitor.check(true)).collect();
        assert_eq!(found[2..4], [LinkCondition::Good, LinkCondition::Stale]);
        assert_eq!(found[13..], [LinkCondition::Stale, LinkCondition::Dead]);
        monitor.receive(true);
        assert_eq!(monitor.check(true), LinkCondition::Good);
    }

    #[test]
    fn a_silent_link_is_probed_before_it_counts_as_dead() {
        let mut monitor = LinkMonitor::default();
        let found: Vec<_> = (1..=40).map(|_| monitor.check(false)).collect();
        assert_eq!((found[28], found[29], found[30]), (LinkCondition::Good, LinkCondition::Probe, LinkCondition::Good));
        assert_eq!((found[38], found[39]), (LinkCondition::Good, LinkCondition::Dead));
        monitor.receive(false);
        assert_eq!(monitor.check(false), LinkCondition::Good);
    }
}
