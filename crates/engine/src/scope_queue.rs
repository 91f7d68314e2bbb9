//! A queue for each scope: a node executes one command of a scope at a time, so its commands never race each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use timers::Scope;
use tokio::sync::{Mutex as TurnLock, OwnedMutexGuard};

/// Most commands in one queue. A person's devices send a handful at once. A queue this long means a client out of
/// control, and refusing its commands costs less than keeping them.
pub const QUEUE_LENGTH_MAX: usize = 64;

/// The queues in use.
#[derive(Default)]
pub(crate) struct ScopeQueues(Arc<Mutex<BTreeMap<Scope, ScopeQueue>>>);

struct ScopeQueue {
    turn_lock: Arc<TurnLock<()>>,
    length: usize,
}

/// The queue is full.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct QueueFull;

/// A place in a queue. Dropping it leaves the queue; the last one removes it.
pub(crate) struct Ticket {
    queues: Arc<Mutex<BTreeMap<Scope, ScopeQueue>>>,
    scope: Scope,
    turn_lock: Arc<TurnLock<()>>,
}

impl ScopeQueues {
    /// Adds a place at the end of a scope's queue.
    pub(crate) fn enter(&self, scope: &Scope) -> Result<Ticket, QueueFull> {
        let mut queues = self.0.lock();
        let queue = queues.entry(scope.clone()).or_insert_with(|| ScopeQueue { turn_lock: Arc::default(), length: 0 });
        if queue.length >= QUEUE_LENGTH_MAX {
            return Err(QueueFull);
        }
        queue.length += 1;
        Ok(Ticket { queues: Arc::clone(&self.0), scope: scope.clone(), turn_lock: Arc::clone(&queue.turn_lock) })
    }
}

impl Ticket {
    /// Waits until all earlier tickets are free.
    pub(crate) async fn acquire(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turn_lock).lock_owned().await
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut queues = self.queues.lock();
        if let Some(queue) = queues.get_mut(&self.scope) {
            queue.length -= 1;
            if queue.length == 0 {
                queues.remove(&self.scope);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use timers::UserId;

    #[tokio::test]
    async fn a_queue_is_bounded_and_removed_when_empty() {
        let queues = ScopeQueues::default();
        let scope = Scope::user(&UserId::new("ann").unwrap());
        let tickets: Vec<Ticket> = (0..QUEUE_LENGTH_MAX).map(|_| queues.enter(&scope).unwrap()).collect();
        assert_eq!(queues.enter(&scope).err(), Some(QueueFull));
        let first = tickets[0].acquire().await;
        assert!(tickets[1].turn_lock.try_lock().is_err(), "one at a time");
        drop(first);
        assert!(tickets[1].turn_lock.try_lock().is_ok());
        drop(tickets);
        assert!(queues.0.lock().is_empty());
        assert!(queues.enter(&scope).is_ok());
    }
}
