//! What is to be seen of one scope, and those who look at it.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use smallvec::SmallVec;
use timers::Beat;

use crate::hub::sheet::{Sheet, Sheets};
use crate::hub::view::{Shown, View};

/// Somebody who listens. A beat can be shown to them at once, by the task that fans it out: to wake a task for
/// each of ten thousand listeners costs as much as to write to them.
///
/// Neither call may wait for anything, nor join or leave a scope.
pub trait Onlooker: Send + Sync + 'static {
    /// Shows a beat. What can't be shown at once is left to the listener's own task, which is then woken.
    fn look(&self, showing: &mut Showing) -> Looked;

    /// Wakes the listener's own task: there is something new to catch up with.
    fn wake(&self);
}

/// What became of showing a beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// It is written.
    Shown,
    /// It is written in part; the listener's own task sees to the rest.
    Begun,
    /// There is nothing to be written.
    Nothing,
    /// It is left to the listener's own task.
    Behind,
}

/// Ticks of a beat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ticks {
    /// Those that were written.
    pub(crate) sent: u64,
    /// Those that were left to the listeners' own tasks.
    pub(crate) behind: u64,
}

/// The last beat of a view, with what is rendered of it for all who look.
pub struct Showing {
    view: Arc<View>,
    beat: Beat,
    sheets: Sheets,
}

impl Showing {
    /// Returns the view.
    pub fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// Returns the beat.
    pub fn beat(&self) -> Beat {
        self.beat
    }

    /// Returns what is rendered of a kind, rendering it if nobody has.
    pub fn sheet(&mut self, kind: u8, render: impl FnOnce(&mut Sheet, &View, Beat)) -> &[u8] {
        let Self { view, beat, sheets } = self;
        sheets.get(kind, *beat, |sheet| render(sheet, view, *beat))
    }
}

/// What is to be seen of a scope, and its audience.
///
/// The locks are taken in the order seats, shown.
#[derive(Default)]
pub(crate) struct Stage {
    shown: Mutex<Option<Shown>>,
    seats: Mutex<Seats>,
    /// All onlookers are to be woken.
    called: AtomicBool,
}

#[derive(Default)]
struct Seats {
    onlookers: SmallVec<[Arc<dyn Onlooker>; 1]>,
    showing: Option<Showing>,
}

impl Seats {
    fn follow(&mut self, shown: &Shown) {
        match &mut self.showing {
            Some(showing) if Arc::ptr_eq(&showing.view, &shown.view) => showing.beat = shown.beat,
            _ => {
                let Shown { view, beat, .. } = shown;
                self.showing = Some(Showing { view: Arc::clone(view), beat: *beat, sheets: Sheets::default() });
            }
        }
    }
}

impl Stage {
    pub(crate) fn attend(&self, onlooker: Arc<dyn Onlooker>) {
        self.with_seats(|seats| seats.onlookers.push(onlooker));
    }

    /// Takes away one of its seats.
    pub(crate) fn dismiss(&self, onlooker: &Arc<dyn Onlooker>) {
        self.with_seats(|seats| {
            if let Some(seat) = seats.onlookers.iter().position(|other| Arc::ptr_eq(other, onlooker)) {
                seats.onlookers.swap_remove(seat);
            }
        });
    }

    /// Returns what is to be seen now.
    pub(crate) fn shown(&self) -> MutexGuard<'_, Option<Shown>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows another view, made of the last beat; that is asked for while beats wait, so that none falls between
    /// two views.
    pub(crate) fn put(&self, view: impl FnOnce() -> View) {
        {
            let mut shown = self.shown();
            let view = Arc::new(view());
            match &mut *shown {
                Some(shown) => shown.replace(view),
                None => *shown = Some(Shown::first(view)),
            }
        }
        self.wake();
    }

    /// Shows the last beat to all who look, if anything ticks at it; `last` is asked while views wait.
    pub(crate) fn show_beat(&self, last: impl FnOnce() -> Beat) -> Ticks {
        self.with_seats(|seats| {
            {
                let mut shown = self.shown();
                let Some(shown) = &mut *shown else { return Ticks::default() };
                shown.go_on(last());
                if !shown.ticks {
                    seats.showing = None;
                    return Ticks::default();
                }
                seats.follow(shown);
            }
            let mut ticks = Ticks::default();
            let Seats { onlookers, showing: Some(showing) } = seats else { return ticks };
            for onlooker in &*onlookers {
                match onlooker.look(showing) {
                    Looked::Shown => ticks.sent += 1,
                    Looked::Begun => {
                        ticks.sent += 1;
                        onlooker.wake();
                    }
                    Looked::Nothing => {}
                    Looked::Behind => {
                        ticks.behind += 1;
                        onlooker.wake();
                    }
                }
            }
            ticks
        })
    }

    /// Has all woken. Does not wait while a beat is shown to a large audience: who shows it wakes them then.
    fn wake(&self) {
        self.called.store(true, Ordering::SeqCst);
        self.answer_call();
    }

    fn with_seats<R>(&self, work: impl FnOnce(&mut Seats) -> R) -> R {
        let result = work(&mut self.seats.lock().unwrap_or_else(PoisonError::into_inner));
        self.answer_call();
        result
    }

    /// Wakes all if that was asked for, unless somebody holds the seats, who will do it when letting go.
    fn answer_call(&self) {
        loop {
            // Between letting go of the seats and looking for a call, as between calling and trying for the seats:
            // one of the two sees the other.
            fence(Ordering::SeqCst);
            if !self.called.load(Ordering::SeqCst) {
                return;
            }
            let seats = match self.seats.try_lock() {
                Ok(seats) => seats,
                Err(TryLockError::Poisoned(seats)) => seats.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            if self.called.swap(false, Ordering::SeqCst) {
                for onlooker in &seats.onlookers {
                    onlooker.wake();
                }
            }
        }
    }
}
