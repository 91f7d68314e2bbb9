//! Who is shown beats by the task that fans them out.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::*;
use tokio::time::{sleep, timeout};

use super::tap::*;

#[derive(Default)]
struct Looker {
    progress: Mutex<Progress>,
    shown: Mutex<Vec<u64>>,
    rendered: Arc<AtomicUsize>,
    is_full: AtomicBool,
    behind: AtomicUsize,
    woken: AtomicUsize,
}

impl Onlooker for Looker {
    fn look(&self, showing: &mut Showing) -> Looked {
        let mut progress = self.progress.lock().unwrap();
        let beat = showing.beat();
        let shows = progress.lacks(showing.view(), beat) == Lack::LastBeat && !self.is_full.load(Relaxed);
        if shows {
            let frame = showing.sheet(0, |sheet, _, beat| {
                self.rendered.fetch_add(1, Relaxed);
                sheet.bytes_mut().extend_from_slice(&beat.0.to_be_bytes());
            });
            self.shown.lock().unwrap().push(u64::from_be_bytes(frame.try_into().unwrap()));
            progress.has_seen(beat);
            Looked::Shown
        } else {
            self.behind.fetch_add(1, Relaxed);
            Looked::Behind
        }
    }

    fn wake(&self) {
        self.woken.fetch_add(1, Relaxed);
    }
}

/// A looker at a running session that has seen all there is.
async fn attended(one: &Engine) -> (Arc<Looker>, Feed) {
    one.execute(start(Some("a"), None)).await.unwrap();
    let looker = Arc::new(Looker::default());
    let mut feed = one.hub().join(&ann()).await.unwrap();
    feed.attend(Arc::clone(&looker) as Arc<dyn Onlooker>);
    catch_up(&looker, &mut feed);
    (looker, feed)
}

/// Shows what a looker lacks, as its own task does; returns the beats and how much else there was.
fn catch_up(looker: &Looker, feed: &mut Feed) -> (Vec<u64>, usize) {
    let (mut beats, mut others) = (Vec::new(), 0);
    feed.catch_up(&mut looker.progress.lock().unwrap(), |sight| match sight {
        Sight::Beat(_, beat) => beats.push(beat.0),
        Sight::First(_) | Sight::Whole { .. } | Sight::News { .. } => others += 1,
    });
    (beats, others)
}

#[tokio::test(start_paused = true)]
async fn beats_are_shown_without_waking_anybody_and_all_else_by_waking() {
    let (_, _, one, _, _) = pair().await;
    one.execute(start(Some("a"), None)).await.unwrap();
    let rendered = Arc::new(AtomicUsize::new(0));
    let lookers = [(); 3].map(|()| Arc::new(Looker { rendered: Arc::clone(&rendered), ..Looker::default() }));
    let mut feeds = Vec::new();
    for looker in &lookers {
        let mut feed = one.hub().join(&ann()).await.unwrap();
        feed.attend(Arc::clone(looker) as Arc<dyn Onlooker>);
        assert_eq!(catch_up(looker, &mut feed).1, 1, "everything, first");
        feeds.push(feed);
    }
    sleep(Duration::from_secs(5)).await; // tidy: allow: virtual time
    let first = lookers[0].shown.lock().unwrap().clone();
    assert!(first.len() == 5 && first.windows(2).all(|pair| pair[1] == pair[0] + 1), "{first:?}");
    for looker in &lookers {
        assert_eq!((&*looker.shown.lock().unwrap(), looker.behind.load(Relaxed)), (&first, 0));
    }
    assert_eq!(rendered.load(Relaxed), 5, "each beat is rendered once for all");
    one.execute(start(Some("b"), None)).await.unwrap();
    assert!(lookers.iter().all(|looker| looker.woken.load(Relaxed) == 1), "news wake");
    assert_eq!(catch_up(&lookers[0], &mut feeds[0]), (vec![], 1));
}

#[tokio::test(start_paused = true)]
async fn who_could_not_be_shown_a_beat_is_shown_it_later_once_and_in_order() {
    let (_, _, one, _, _) = pair().await;
    let (looker, mut feed) = attended(&one).await;
    looker.is_full.store(true, Relaxed);
    sleep(Duration::from_secs(3)).await; // tidy: allow: virtual time
    assert_eq!(looker.behind.load(Relaxed), 3, "it is told of each");
    looker.is_full.store(false, Relaxed);
    sleep(Duration::from_secs(1)).await; // tidy: allow: virtual time
    assert!(looker.shown.lock().unwrap().is_empty(), "not before those that it lacks");
    let (late, _) = catch_up(&looker, &mut feed);
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    let all = [late, looker.shown.lock().unwrap().clone()].concat();
    assert!(all.len() == 6 && all.windows(2).all(|pair| pair[1] == pair[0] + 1), "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn a_reader_beside_onlookers_is_woken_and_who_left_is_shown_nothing() {
    let (_, _, one, _, _) = pair().await;
    let (looker, feed) = attended(&one).await;
    let mut reader = Reader::new(one.hub().join(&ann()).await.unwrap());
    reader.catch_up(|_| {});
    timeout(Duration::from_secs(2), reader.changed()).await.expect("it is woken for beats");
    drop(feed);
    let shown = looker.shown.lock().unwrap().len();
    assert_eq!(shown, 1);
    sleep(Duration::from_secs(3)).await; // tidy: allow: virtual time
    assert_eq!((looker.shown.lock().unwrap().len(), looker.behind.load(Relaxed)), (shown, 0));
}

#[tokio::test(start_paused = true)]
async fn who_listens_twice_and_lets_go_of_one_goes_on_by_the_other() {
    let (_, _, one, _, _) = pair().await;
    let (looker, first) = attended(&one).await;
    let mut second = one.hub().join(&ann()).await.unwrap();
    second.attend(Arc::clone(&looker) as Arc<dyn Onlooker>);
    drop(first);
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    assert_eq!(looker.shown.lock().unwrap().len(), 2);
    drop(second);
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    assert_eq!(looker.shown.lock().unwrap().len(), 2, "nobody listens");
}
