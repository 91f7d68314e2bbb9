//! Ticks that the fan-out delivers directly.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::*;
use tokio::time::{sleep, timeout};

use super::test_node::*;

#[derive(Default)]
struct RecordingSubscriber {
    state: Mutex<DeliveryState>,
    shown: Mutex<Vec<u64>>,
    rendered: Arc<AtomicUsize>,
    is_full: AtomicBool,
    behind: AtomicUsize,
    woken: AtomicUsize,
}

impl Subscriber for RecordingSubscriber {
    fn on_tick(&self, context: &mut TickContext) -> TickDelivery {
        let mut state = self.state.lock().unwrap();
        let beat = context.beat();
        let shows = state.backlog(context.view(), beat) == Backlog::LatestBeat && !self.is_full.load(Relaxed);
        if shows {
            let frame = context.buffer::<Self>(0, |buffer, _, beat| {
                self.rendered.fetch_add(1, Relaxed);
                buffer.bytes_mut().extend_from_slice(&beat.0.to_be_bytes());
            });
            self.shown.lock().unwrap().push(u64::from_be_bytes(frame.try_into().unwrap()));
            state.mark_delivered(beat);
            TickDelivery::Written
        } else {
            self.behind.fetch_add(1, Relaxed);
            TickDelivery::Deferred
        }
    }

    fn notify(&self) {
        self.woken.fetch_add(1, Relaxed);
    }
}

/// Makes a subscriber to a running session that has no backlog.
async fn subscribed(one: &Engine) -> (Arc<RecordingSubscriber>, Subscription) {
    one.execute(start(Some("a"), None)).await.unwrap();
    let recorder = Arc::new(RecordingSubscriber::default());
    let mut subscription = one.hub().join(&ann()).await.unwrap();
    subscription.subscribe(Arc::clone(&recorder) as Arc<dyn Subscriber>);
    catch_up(&recorder, &mut subscription);
    (recorder, subscription)
}

/// Shows a subscriber's backlog, as its own task does; returns the beats and the number of other deliveries.
fn catch_up(recorder: &RecordingSubscriber, subscription: &mut Subscription) -> (Vec<u64>, usize) {
    let (mut beats, mut others) = (Vec::new(), 0);
    subscription.catch_up(&mut recorder.state.lock().unwrap(), |delivery| match delivery {
        Delivery::Tick(_, beat) => beats.push(beat.0),
        Delivery::Initial(_) | Delivery::Resync { .. } | Delivery::Diff { .. } | Delivery::Redated(_) => others += 1,
    });
    (beats, others)
}

#[tokio::test(start_paused = true)]
async fn ticks_are_delivered_directly_and_changes_by_notification() {
    let (_, _, one, _, _) = pair().await;
    one.execute(start(Some("a"), None)).await.unwrap();
    let rendered = Arc::new(AtomicUsize::new(0));
    let recorders = [(); 3]
        .map(|()| Arc::new(RecordingSubscriber { rendered: Arc::clone(&rendered), ..RecordingSubscriber::default() }));
    let mut subscriptions = Vec::new();
    for recorder in &recorders {
        let mut subscription = one.hub().join(&ann()).await.unwrap();
        subscription.subscribe(Arc::clone(recorder) as Arc<dyn Subscriber>);
        assert_eq!(catch_up(recorder, &mut subscription).1, 1, "everything, first");
        subscriptions.push(subscription);
    }
    sleep(Duration::from_secs(5)).await; // tidy: allow: virtual time
    let first = recorders[0].shown.lock().unwrap().clone();
    assert!(first.len() == 5 && first.windows(2).all(|pair| pair[1] == pair[0] + 1), "{first:?}");
    for recorder in &recorders {
        assert_eq!((&*recorder.shown.lock().unwrap(), recorder.behind.load(Relaxed)), (&first, 0));
    }
    assert_eq!(rendered.load(Relaxed), 5, "each beat is rendered once for all");
    one.execute(start(Some("b"), None)).await.unwrap();
    assert!(recorders.iter().all(|recorder| recorder.woken.load(Relaxed) == 1), "changes notify");
    assert_eq!(catch_up(&recorders[0], &mut subscriptions[0]), (vec![], 1));
}

#[tokio::test(start_paused = true)]
async fn a_deferred_tick_is_shown_later_once_and_in_order() {
    let (_, _, one, _, _) = pair().await;
    let (recorder, mut subscription) = subscribed(&one).await;
    recorder.is_full.store(true, Relaxed);
    sleep(Duration::from_secs(3)).await; // tidy: allow: virtual time
    assert_eq!(recorder.behind.load(Relaxed), 3, "each is deferred");
    recorder.is_full.store(false, Relaxed);
    sleep(Duration::from_secs(1)).await; // tidy: allow: virtual time
    assert!(recorder.shown.lock().unwrap().is_empty(), "not before the earlier ones");
    let (late, _) = catch_up(&recorder, &mut subscription);
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    let all = [late, recorder.shown.lock().unwrap().clone()].concat();
    assert!(all.len() == 6 && all.windows(2).all(|pair| pair[1] == pair[0] + 1), "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn a_reader_beside_subscribers_is_woken_and_a_dropped_subscription_gets_nothing() {
    let (_, _, one, _, _) = pair().await;
    let (recorder, subscription) = subscribed(&one).await;
    let mut reader = Reader::new(one.hub().join(&ann()).await.unwrap());
    reader.catch_up(|_| {});
    timeout(Duration::from_secs(2), reader.changed()).await.expect("it is woken for beats");
    drop(subscription);
    let shown = recorder.shown.lock().unwrap().len();
    assert_eq!(shown, 1);
    sleep(Duration::from_secs(3)).await; // tidy: allow: virtual time
    assert_eq!((recorder.shown.lock().unwrap().len(), recorder.behind.load(Relaxed)), (shown, 0));
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_with_two_subscriptions_continues_after_one_is_dropped() {
    let (_, _, one, _, _) = pair().await;
    let (recorder, first) = subscribed(&one).await;
    let mut second = one.hub().join(&ann()).await.unwrap();
    second.subscribe(Arc::clone(&recorder) as Arc<dyn Subscriber>);
    drop(first);
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    assert_eq!(recorder.shown.lock().unwrap().len(), 2);
    drop(second);
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    assert_eq!(recorder.shown.lock().unwrap().len(), 2, "there is no subscription left");
}
