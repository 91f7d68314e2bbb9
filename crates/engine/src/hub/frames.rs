//! The rendered frames of a view, shared by all its listeners.

use std::any::{Any, TypeId};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

/// Most frames kept with a view: two dialects, each with a greeting, a diff and ticks, and two spare ones.
const FRAMES_MAX: usize = 8;

/// A cache of what was rendered of one view. Each frame is rendered once.
///
/// The dialect's type is a part of the key, so two dialects never share a frame.
#[derive(Default)]
pub struct Frames(Mutex<Vec<(FrameKey, FrameCell)>>);

/// The dialect's type, the dialect's own number for a kind of frame, and what else the frame depends on.
type FrameKey = (TypeId, u8, u64);

/// An `Arc<OnceLock<T>>`.
type FrameCell = Arc<dyn Any + Send + Sync>;

impl Frames {
    /// Returns the frame of a key, and renders it if no caller has.
    ///
    /// No lock is held while rendering. Callers that want the same frame meanwhile wait for it; callers that want
    /// another one do not. `render` must not ask for its own key.
    pub fn get<D: 'static, T: Clone + Send + Sync + 'static>(
        &self,
        slot: u8,
        basis: u64,
        render: impl FnOnce() -> T,
    ) -> T {
        self.cell::<T>((TypeId::of::<D>(), slot, basis)).get_or_init(render).clone()
    }

    /// Drops all frames, and the memory of the cache.
    pub(crate) fn clear(&self) {
        *self.0.lock() = Vec::new();
    }

    /// Finds the cell of a key, or inserts an empty one in place of the oldest.
    fn cell<T: Send + Sync + 'static>(&self, key: FrameKey) -> Arc<OnceLock<T>> {
        let mut frames = self.0.lock();
        let known = frames.iter().filter(|(known, _)| *known == key);
        if let Some(cell) = known.filter_map(|(_, cell)| Arc::clone(cell).downcast().ok()).next() {
            return cell;
        }
        if frames.len() >= FRAMES_MAX {
            frames.remove(0);
        }
        let cell = Arc::new(OnceLock::new());
        frames.push((key, Arc::clone(&cell) as FrameCell));
        cell
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;

    struct Json;
    struct Binary;

    #[test]
    fn a_frame_is_rendered_once_and_the_oldest_is_evicted_first() {
        let frames = Frames::default();
        let first = frames.get::<Json, _>(1, 1, || Bytes::from_static(b"a"));
        assert_eq!(frames.get::<Json, Bytes>(1, 1, || panic!("rendered twice")), first);
        for basis in 2..=FRAMES_MAX as u64 + 1 {
            frames.get::<Json, _>(1, basis, || Bytes::from_static(b"b"));
        }
        assert_eq!(frames.get::<Json, _>(1, 1, || Bytes::from_static(b"c")), Bytes::from_static(b"c"));
    }

    #[test]
    fn two_dialects_never_share_a_frame() {
        let frames = Frames::default();
        assert_eq!(frames.get::<Json, _>(1, 1, || Bytes::from_static(b"json")), "json");
        assert_eq!(frames.get::<Binary, _>(1, 1, || Bytes::from_static(b"binary")), "binary");
        assert_eq!(frames.get::<Json, Bytes>(1, 1, || panic!("rendered twice")), "json");
    }

    #[test]
    fn a_blocked_rendering_delays_only_callers_of_the_same_key_and_runs_once() {
        let frames = Arc::new(Frames::default());
        let rendered = Arc::new(AtomicUsize::new(0));
        let (unblock, blocked) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        let first = thread::spawn({
            let (frames, rendered) = (Arc::clone(&frames), Arc::clone(&rendered));
            move || {
                frames.get::<Json, _>(1, 1, || {
                    rendered.fetch_add(1, Ordering::Relaxed);
                    begun.send(()).unwrap();
                    blocked.recv_timeout(Duration::from_secs(10)).expect("unblocked in time");
                    "slow"
                })
            }
        });
        begins.recv_timeout(Duration::from_secs(10)).expect("rendering begins");
        let same_key = [(); 4].map(|()| {
            let (frames, rendered) = (Arc::clone(&frames), Arc::clone(&rendered));
            thread::spawn(move || {
                frames.get::<Json, _>(1, 1, || {
                    rendered.fetch_add(1, Ordering::Relaxed);
                    "again"
                })
            })
        });
        // Would deadlock if the lock of the cache were held while rendering.
        assert_eq!(frames.get::<Json, _>(1, 2, || "other key"), "other key");
        assert_eq!(frames.get::<Binary, _>(1, 1, || "other dialect"), "other dialect");
        unblock.send(()).unwrap();
        assert_eq!(first.join().unwrap(), "slow");
        for caller in same_key {
            assert_eq!(caller.join().unwrap(), "slow");
        }
        assert_eq!(rendered.load(Ordering::Relaxed), 1);
    }
}
