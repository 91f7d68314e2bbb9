//! The seed's server: an interval of 1000 ms from the first start, whose ticks add 1 to the counters. Extended by the rules
//! of the contract on sockets that return, pauses and several sockets.

use std::collections::BTreeSet;

/// After so many milliseconds without activity a tick is idle.
const IDLE_THRESHOLD_MS: u64 = 15_000;

/// So many milliseconds after the last socket has gone one can return.
const RETURN_MS: u64 = 30_000;

/// What happens at an instant, in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Happening {
    Start(String),
    Activity,
    Resume,
    TabSwitch,
    Gone(String),
    Pause,
}

impl Happening {
    /// Tells whether the event comes before the tick of the same instant.
    fn is_before_tick(&self) -> bool {
        match self {
            Self::Start(_) | Self::Activity | Self::Resume | Self::TabSwitch => true,
            Self::Gone(_) | Self::Pause => false,
        }
    }
}

/// The counters of one session.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeedServer {
    pub(crate) elapsed: u64,
    pub(crate) active: u64,
    pub(crate) idle: u64,
    pub(crate) tab_switches: u64,
    /// Whether the last tick was idle; `false` before the first one.
    pub(crate) is_idle: bool,
    /// The next tick of the timer, if it runs.
    next_tick: Option<u64>,
    last_active_at: u64,
    sockets: BTreeSet<String>,
    /// When the last socket has gone.
    gone_at: Option<u64>,
    /// Active and idle ticks since then.
    since_gone: (u64, u64),
}

impl SeedServer {
    /// Plays events until an instant, at which the session ends.
    pub(crate) fn play(events: &[(u64, Happening)], end: u64) -> Self {
        let mut events = events.to_vec();
        events.sort_by_key(|(at, event)| (*at, !event.is_before_tick()));
        let mut server = Self::default();
        for (at, event) in events.into_iter().filter(|(at, _)| *at <= end) {
            let ticks_until = if event.is_before_tick() { at - 1 } else { at };
            server.tick_until(ticks_until);
            server.give_up_after(at);
            server.handle(event, at);
        }
        server.tick_until(end);
        server
    }

    fn tick_until(&mut self, until: u64) {
        while let Some(at) = self.next_tick.filter(|at| *at <= until) {
            let is_idle = at - self.last_active_at > IDLE_THRESHOLD_MS;
            self.is_idle = is_idle;
            match (self.gone_at, is_idle) {
                (None, false) => (self.elapsed, self.active) = (self.elapsed + 1, self.active + 1),
                (None, true) => (self.elapsed, self.idle) = (self.elapsed + 1, self.idle + 1),
                (Some(gone_at), false) if at > gone_at => self.since_gone.0 += 1,
                (Some(gone_at), true) if at > gone_at => self.since_gone.1 += 1,
                (Some(_), _) => unreachable!("ticks until the socket went are counted before"),
            }
            self.next_tick = Some(at + 1000);
        }
    }

    /// Clears the timer if the last socket has been gone for too long.
    fn give_up_after(&mut self, now: u64) {
        if self.gone_at.is_some_and(|gone_at| now > gone_at + RETURN_MS) {
            self.clear_timer();
        }
    }

    fn clear_timer(&mut self) {
        (self.next_tick, self.gone_at, self.since_gone) = (None, None, (0, 0));
        self.is_idle = false;
    }

    fn handle(&mut self, event: Happening, at: u64) {
        match event {
            Happening::Start(socket) => {
                self.sockets.insert(socket);
                if self.gone_at.take().is_some() {
                    let (active, idle) = std::mem::take(&mut self.since_gone);
                    self.elapsed += active + idle;
                    (self.active, self.idle) = (self.active + active, self.idle + idle);
                }
                self.next_tick.get_or_insert(at + 1000);
                self.last_active_at = at;
            }
            Happening::Activity => self.last_active_at = at,
            Happening::TabSwitch => {
                if self.next_tick.is_some() && self.gone_at.is_none() {
                    self.tab_switches += 1;
                }
            }
            Happening::Gone(socket) => {
                if self.sockets.remove(&socket) && self.sockets.is_empty() && self.next_tick.is_some() {
                    self.gone_at = Some(at);
                }
            }
            Happening::Pause => self.clear_timer(),
            Happening::Resume => {
                if self.next_tick.is_none() && !self.sockets.is_empty() {
                    (self.next_tick, self.last_active_at) = (Some(at + 1000), at);
                }
            }
        }
    }
}
