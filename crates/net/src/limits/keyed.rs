//! Limits how many of something each key holds at once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;

/// Counts what each key holds. A key that holds nothing takes no memory.
pub struct KeyedLimiter<K> {
    counts: Arc<Mutex<HashMap<K, usize>>>,
}

/// The right of a key to one more; dropping it releases it.
pub struct KeyedPermit<K: Eq + Hash> {
    key: K,
    counts: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K> Default for KeyedLimiter<K> {
    fn default() -> Self {
        Self { counts: Arc::default() }
    }
}

impl<K: Eq + Hash + Clone> KeyedLimiter<K> {
    /// Counts one more for a key; `None` if it holds `max` already.
    pub fn acquire(&self, key: K, max: usize) -> Option<KeyedPermit<K>> {
        let mut counts = self.counts.lock();
        let count = counts.get(&key).copied().unwrap_or_default();
        if count >= max {
            return None;
        }
        counts.insert(key.clone(), count + 1);
        Some(KeyedPermit { key, counts: Arc::clone(&self.counts) })
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.counts.lock().len()
    }
}

impl<K: Eq + Hash> Drop for KeyedPermit<K> {
    fn drop(&mut self) {
        let mut counts = self.counts.lock();
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}
