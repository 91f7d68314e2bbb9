//! Following a feed in one task.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::hub::feed::Feed;
use crate::hub::progress::{Progress, Sight};
use crate::hub::stage::{Looked, Onlooker, Showing};
use crate::hub::view::Shown;

/// Follows a feed, in one task.
pub struct Reader {
    feed: Feed,
    progress: Progress,
    bell: Arc<Bell>,
}

/// Wakes for everything.
#[derive(Default)]
struct Bell(Notify);

impl Onlooker for Bell {
    fn look(&self, _: &mut Showing) -> Looked {
        Looked::Behind
    }

    fn wake(&self) {
        self.0.notify_one();
    }
}

impl Reader {
    /// Begins to follow.
    pub fn new(mut feed: Feed) -> Self {
        let bell = Arc::new(Bell::default());
        feed.attend(Arc::clone(&bell) as Arc<dyn Onlooker>);
        Self { feed, progress: Progress::default(), bell }
    }

    /// Waits until there may be something to show. Cancel-safe.
    pub async fn changed(&mut self) {
        self.bell.0.notified().await;
    }

    /// Returns what is to be seen now.
    pub fn shown(&self) -> Shown {
        self.feed.shown()
    }

    /// Shows all that the client lacks.
    pub fn catch_up(&mut self, show: impl FnMut(Sight<'_>)) {
        self.feed.catch_up(&mut self.progress, show).written(0);
    }
}
