//! Long polling: the queues between a client's requests and its task, until a WebSocket takes over.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use engineioxide_core::{Packet as EnginePacket, ProtocolVersion};
use parking_lot::Mutex;
use socketioxide_core::Str;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::limits::TokenBucket;
use crate::socketio::EncodedPacket;
use crate::websocket::{CLOSE_TIMEOUT, CloseReason, Disconnected, SocketWriter, WebSocket};

/// Most packets that wait for the next poll. A client that lags further receives the latest state instead.
const OUTBOUND_MAX: usize = 32;

/// Most messages in the queue of a client. One request can bring as many: 64 KiB of the shortest events.
const INBOUND_MAX: usize = 4096;

/// Above this number of queued messages, or of their bytes, no more are read from the client.
const QUEUED_MAX: usize = 64;
const QUEUED_BYTES_MAX: usize = 64 * 1024;

/// Separates the packets of a body.
pub(super) const SEPARATOR: u8 = 0x1e;

/// A message from a client that is not parsed yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum EngineMessage {
    Text(Str),
    Binary,
}

/// What a client's task has to act on.
pub(super) enum PollingEvent {
    /// The client has sent something.
    Heard,
    /// A poll has taken the packets that waited.
    Polled,
    Message(EngineMessage),
    /// A WebSocket has taken over.
    Upgraded(Box<WebSocket>),
    Ended(Disconnected),
}

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PollingError {
    /// The session has ended, or a WebSocket is its transport.
    WrongTransport,
    /// Another poll waits, which ends the session.
    Overlap,
    /// A packet is invalid, which ends the session.
    InvalidPacket,
}

/// The result of sending a packet.
pub(super) enum Queued {
    Yes,
    /// There is no capacity.
    Full,
    /// A WebSocket has taken over: the packet is to be sent there.
    Upgraded,
}

/// The queues of a client.
pub(super) struct Polling {
    state: Mutex<PollingState>,
    /// Wakes the poll that waits.
    poll: Notify,
    /// Wakes the client's task.
    task: Notify,
    /// Wakes requests that wait until the client's task has taken messages, or until the session closes.
    requests: Notify,
}

struct PollingState {
    phase: Phase,
    /// Packets for the next poll.
    outbound: VecDeque<EncodedPacket>,
    inbound: VecDeque<EngineMessage>,
    inbound_bytes: usize,
    /// Packets that the client may send.
    bucket: TokenBucket,
    has_poll: bool,
    was_heard: bool,
    was_polled: bool,
    /// Since when there is no capacity for packets.
    full_since: Option<Instant>,
    /// The WebSocket that has taken over, until the client's task takes it.
    websocket: Option<Box<WebSocket>>,
    /// Why the session ends, until the client's task takes it.
    end: Option<Disconnected>,
    /// Why the session closes while the client changes to a WebSocket, whose close frame tells it.
    reason_of_switching: Option<CloseReason>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// A WebSocket is about to take over.
    Claimed,
    /// The WebSocket has shown that it works. From here on no poll waits, since the client switches when it has none.
    Upgrading,
    Upgraded,
    /// The last packets wait for a poll.
    Closing,
    Closed,
}

impl Polling {
    pub(super) fn new(bucket: TokenBucket) -> Self {
        let state = PollingState {
            phase: Phase::Open,
            outbound: VecDeque::new(),
            inbound: VecDeque::new(),
            inbound_bytes: 0,
            bucket,
            has_poll: false,
            was_heard: false,
            was_polled: false,
            full_since: None,
            websocket: None,
            end: None,
            reason_of_switching: None,
        };
        Self { state: Mutex::new(state), poll: Notify::new(), task: Notify::new(), requests: Notify::new() }
    }

    /// Returns whether the rate limit allows so many packets.
    pub(super) fn allows(&self, packets: usize) -> bool {
        self.state.lock().bucket.take(packets)
    }

    /// Queues a packet for the next poll.
    pub(super) fn push(&self, packet: &EncodedPacket) -> Queued {
        let mut state = self.state.lock();
        match state.phase {
            Phase::Upgraded => Queued::Upgraded,
            // A packet to a closed session is dropped.
            Phase::Closing | Phase::Closed => Queued::Yes,
            Phase::Open | Phase::Claimed | Phase::Upgrading if state.outbound.len() >= OUTBOUND_MAX => {
                state.full_since.get_or_insert_with(Instant::now);
                Queued::Full
            }
            Phase::Open | Phase::Claimed | Phase::Upgrading => {
                state.outbound.push_back(packet.clone());
                self.poll.notify_one();
                Queued::Yes
            }
        }
    }

    /// Queues a packet that needs no capacity: a ping, without which a session would end whose client reads, or the last one.
    pub(super) fn push_unbounded(&self, packet: &EncodedPacket) -> Queued {
        let mut state = self.state.lock();
        if state.phase == Phase::Upgraded {
            return Queued::Upgraded;
        }
        state.outbound.push_back(packet.clone());
        self.poll.notify_one();
        Queued::Yes
    }

    /// Answers a poll, once there are packets.
    pub(super) async fn poll(&self) -> Result<Vec<u8>, PollingError> {
        let _slot = self.enter_poll()?;
        loop {
            let mut notified = pin!(self.poll.notified());
            notified.as_mut().enable();
            if let Some(body) = self.take_outbound() {
                return Ok(body);
            }
            notified.await;
        }
    }

    fn enter_poll(&self) -> Result<PollSlot<'_>, PollingError> {
        let mut state = self.state.lock();
        if matches!(state.phase, Phase::Upgraded | Phase::Closed) {
            return Err(PollingError::WrongTransport);
        }
        if state.has_poll {
            self.end_in(&mut state, Disconnected::Close(CloseReason::Protocol));
            return Err(PollingError::Overlap);
        }
        state.has_poll = true;
        Ok(PollSlot(self))
    }

    /// Returns the packets that wait; `None` if the poll has to wait for some.
    fn take_outbound(&self) -> Option<Vec<u8>> {
        let mut state = self.state.lock();
        if state.outbound.is_empty() {
            let is_last =
                state.end.is_some() || matches!(state.phase, Phase::Upgrading | Phase::Upgraded | Phase::Closed);
            return is_last.then(|| EncodedPacket::new(EnginePacket::Noop).text().to_vec());
        }
        // A new queue, so that a client keeps no memory for a burst.
        let packets = std::mem::take(&mut state.outbound);
        (state.was_polled, state.full_since) = (true, None);
        self.task.notify_one();
        let texts: Vec<&[u8]> = packets.iter().map(EncodedPacket::text).collect();
        Some(texts.join(&SEPARATOR))
    }

    /// Takes the packets that a client has sent.
    pub(super) fn receive(&self, body: &[u8]) -> Result<(), PollingError> {
        let mut state = self.state.lock();
        if state.phase == Phase::Upgraded || state.is_closing() {
            return Err(PollingError::WrongTransport);
        }
        state.was_heard = true;
        self.task.notify_one();
        for text in body.split(|byte| *byte == SEPARATOR) {
            if state.end.is_some() {
                break;
            }
            let packet =
                str::from_utf8(text).ok().map(|text| EnginePacket::parse(ProtocolVersion::V4, text.to_owned()));
            match packet {
                Some(Ok(EnginePacket::Message(text))) => self.enqueue(&mut state, EngineMessage::Text(text)),
                Some(Ok(EnginePacket::Binary(_))) => self.enqueue(&mut state, EngineMessage::Binary),
                Some(Ok(EnginePacket::Ping | EnginePacket::Pong)) => {}
                Some(Ok(EnginePacket::Close)) => {
                    self.end_in(&mut state, Disconnected::Close(CloseReason::ClosedByClient));
                }
                Some(Ok(_) | Err(_)) | None => {
                    self.end_in(&mut state, Disconnected::Close(CloseReason::Protocol));
                    return Err(PollingError::InvalidPacket);
                }
            }
        }
        Ok(())
    }

    fn enqueue(&self, state: &mut PollingState, message: EngineMessage) {
        if state.inbound.len() >= INBOUND_MAX {
            return self.end_in(state, Disconnected::Close(CloseReason::TooManyMessages));
        }
        state.inbound_bytes += message.bytes();
        state.inbound.push_back(message);
    }

    /// Waits until more can be read from the client. Returns at once if nothing reads the queue any more.
    pub(super) async fn wait_for_capacity(&self) {
        self.wait_until(|state| state.has_capacity() || state.is_closing()).await;
    }

    /// Waits until the session closes.
    pub(super) async fn closing(&self) {
        self.wait_until(PollingState::is_closing).await;
    }

    /// Returns why the session closes, if it does while the client changes to a WebSocket and has ended its polls.
    pub(super) fn reason_of_switching(&self) -> Option<CloseReason> {
        self.state.lock().reason_of_switching.clone()
    }

    /// Takes the packets that wait for a poll, for a client that polls no more.
    pub(super) fn take_waiting(&self) -> Vec<Bytes> {
        let mut state = self.state.lock();
        self.task.notify_one();
        std::mem::take(&mut state.outbound).iter().map(EncodedPacket::to_bytes).collect()
    }

    /// Records that the client has sent something, which may wait until it is taken.
    pub(super) fn record_heard(&self) {
        self.state.lock().was_heard = true;
        self.task.notify_one();
    }

    /// Returns a claim for a WebSocket that is not used.
    pub(super) fn release_upgrade(&self) {
        let mut state = self.state.lock();
        if state.phase == Phase::Claimed {
            state.phase = Phase::Open;
        }
    }

    async fn wait_until(&self, is_reached: impl Fn(&PollingState) -> bool) {
        loop {
            let mut notified = pin!(self.requests.notified());
            // From here on no notification is lost.
            notified.as_mut().enable();
            if is_reached(&self.state.lock()) {
                return;
            }
            notified.await;
        }
    }

    /// Waits for what the client's task has to act on. Messages, and the end behind them, wait until it reads.
    /// Cancel-safe.
    pub(super) async fn next(&self, is_reading: bool) -> PollingEvent {
        loop {
            let mut notified = pin!(self.task.notified());
            notified.as_mut().enable();
            if let Some(event) = self.take_event(is_reading) {
                return event;
            }
            notified.await;
        }
    }

    fn take_event(&self, is_reading: bool) -> Option<PollingEvent> {
        let mut state = self.state.lock();
        if std::mem::take(&mut state.was_heard) {
            return Some(PollingEvent::Heard);
        }
        if std::mem::take(&mut state.was_polled) {
            return Some(PollingEvent::Polled);
        }
        if let Some(websocket) = state.websocket.take() {
            return Some(PollingEvent::Upgraded(websocket));
        }
        if !is_reading {
            return None;
        }
        let message = self.dequeue(&mut state).map(PollingEvent::Message);
        message.or_else(|| state.end.take().map(PollingEvent::Ended))
    }

    /// Returns the next message that the client has sent before a WebSocket took over.
    pub(super) fn take_message(&self) -> Option<EngineMessage> {
        self.dequeue(&mut self.state.lock())
    }

    fn dequeue(&self, state: &mut PollingState) -> Option<EngineMessage> {
        let message = state.inbound.pop_front()?;
        state.inbound_bytes -= message.bytes();
        if state.inbound.is_empty() {
            state.inbound = VecDeque::new();
        }
        if state.has_capacity() {
            self.requests.notify_waiters();
        }
        Some(message)
    }

    /// Makes the client's task end the session, behind the messages that wait. The first reason counts.
    pub(super) fn end(&self, disconnected: Disconnected) {
        self.end_in(&mut self.state.lock(), disconnected);
    }

    fn end_in(&self, state: &mut PollingState, disconnected: Disconnected) {
        state.end.get_or_insert(disconnected);
        self.task.notify_one();
        self.poll.notify_one();
    }

    /// Returns why the session ends, if it does. Messages may still wait.
    pub(super) fn take_end(&self) -> Option<Disconnected> {
        self.state.lock().end.take()
    }

    /// Returns since when there is no capacity for packets.
    pub(super) fn full_since(&self) -> Option<Instant> {
        self.state.lock().full_since
    }

    pub(super) fn is_ended(&self) -> bool {
        self.state.lock().end.is_some()
    }

    /// Claims the session for a WebSocket; returns `false` if another one has claimed it.
    pub(super) fn claim_upgrade(&self) -> bool {
        let mut state = self.state.lock();
        let is_open = state.phase == Phase::Open;
        if is_open {
            state.phase = Phase::Claimed;
        }
        is_open
    }

    /// Lets no poll wait any more: the client ends its polls before it switches.
    pub(super) fn begin_upgrade(&self) {
        let mut state = self.state.lock();
        if state.phase == Phase::Claimed {
            state.phase = Phase::Upgrading;
            self.poll.notify_one();
        }
    }

    /// Makes a WebSocket the transport, which is sent the packets that wait. `adopt` runs under the lock that senders take,
    /// so that no packet is queued after. Returns the WebSocket if the session has ended.
    pub(super) fn upgrade(
        &self,
        mut websocket: Box<WebSocket>,
        adopt: impl FnOnce(Arc<SocketWriter>),
    ) -> Option<Box<WebSocket>> {
        let mut state = self.state.lock();
        if state.phase != Phase::Upgrading || state.end.is_some() {
            return Some(websocket);
        }
        let waiting: Vec<_> = std::mem::take(&mut state.outbound).iter().map(EncodedPacket::to_bytes).collect();
        // The client's task finds the error when it reads.
        websocket.write(&waiting).ok();
        adopt(websocket.writer());
        state.phase = Phase::Upgraded;
        (state.websocket, state.was_heard) = (Some(websocket), true);
        self.task.notify_one();
        None
    }

    /// Returns the WebSocket that has taken over, if the client's task has not taken it.
    pub(super) fn take_websocket(&self) -> Option<Box<WebSocket>> {
        self.state.lock().websocket.take()
    }

    /// Sends the last packets with the client's next poll, or by the WebSocket that it is about to use. The client then
    /// reconnects, unlike after a disconnect packet. Returns a WebSocket that has just taken over.
    pub(super) async fn close(&self, reason: &CloseReason) -> Option<Box<WebSocket>> {
        {
            let mut state = self.state.lock();
            if let Some(websocket) = state.websocket.take() {
                return Some(websocket);
            }
            if state.phase == Phase::Upgrading {
                state.reason_of_switching = Some(reason.clone());
            } else {
                state.outbound.push_back(EncodedPacket::new(EnginePacket::Close));
            }
            state.phase = Phase::Closing;
            self.poll.notify_one();
            self.requests.notify_waiters();
        }
        let taken = async {
            while !self.state.lock().outbound.is_empty() {
                self.task.notified().await;
            }
        };
        timeout(CLOSE_TIMEOUT, taken).await.ok();
        self.abandon();
        None
    }

    /// Ends the session without its last packets.
    pub(super) fn abandon(&self) {
        let mut state = self.state.lock();
        state.phase = Phase::Closed;
        (state.outbound, state.inbound, state.inbound_bytes) = (VecDeque::new(), VecDeque::new(), 0);
        self.poll.notify_one();
        self.requests.notify_waiters();
    }
}

impl PollingState {
    fn has_capacity(&self) -> bool {
        self.inbound.len() <= QUEUED_MAX && self.inbound_bytes <= QUEUED_BYTES_MAX
    }

    fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing | Phase::Closed)
    }
}

impl EngineMessage {
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary => 0,
        }
    }
}

/// The poll that waits. A client that goes away while it waits can poll again.
struct PollSlot<'p>(&'p Polling);

impl Drop for PollSlot<'_> {
    fn drop(&mut self) {
        self.0.state.lock().has_poll = false;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const WITHIN: Duration = Duration::from_secs(10);

    fn polling() -> Arc<Polling> {
        Arc::new(Polling::new(TokenBucket::new(1, 1)))
    }

    fn packet(text: &str) -> EncodedPacket {
        EncodedPacket::new(EnginePacket::Message(text.to_owned().into()))
    }

    async fn next(polling: &Polling) -> PollingEvent {
        timeout(WITHIN, polling.next(true)).await.expect("an event")
    }

    /// Takes the next message, after the event that says that the client has sent something.
    async fn next_message(polling: &Polling) -> EngineMessage {
        loop {
            match next(polling).await {
                PollingEvent::Heard => {}
                PollingEvent::Message(message) => return message,
                PollingEvent::Polled | PollingEvent::Upgraded(_) | PollingEvent::Ended(_) => panic!("no message"),
            }
        }
    }

    #[tokio::test]
    async fn a_client_is_held_back_by_messages_and_by_bytes_until_they_are_taken_from_the_queue() {
        for (text, count) in [("x".to_owned(), QUEUED_MAX), ("x".repeat(QUEUED_BYTES_MAX / 2), 2)] {
            let polling = polling();
            let message = format!("4{text}");
            for _ in 0..count {
                polling.receive(message.as_bytes()).unwrap();
                timeout(WITHIN, polling.wait_for_capacity()).await.expect("there is capacity");
            }
            polling.receive(message.as_bytes()).unwrap();
            let of_request = Arc::clone(&polling);
            let waiting = tokio::spawn(async move { of_request.wait_for_capacity().await });
            tokio::task::yield_now().await;
            assert!(!waiting.is_finished());
            assert_eq!(next_message(&polling).await, EngineMessage::Text(text.into()));
            timeout(WITHIN, waiting).await.expect("there is capacity").unwrap();
        }
    }

    #[tokio::test]
    async fn a_full_queue_ends_the_session_and_a_queue_without_reader_blocks_no_client() {
        let polling = polling();
        let all = ["4x"; INBOUND_MAX + 1].join("\x1e");
        polling.receive(all.as_bytes()).unwrap();
        for _ in 0..INBOUND_MAX {
            next_message(&polling).await;
        }
        let PollingEvent::Ended(Disconnected::Close(CloseReason::TooManyMessages)) = next(&polling).await else {
            panic!("no end");
        };
        polling.receive(["4x"; QUEUED_MAX + 1].join("\x1e").as_bytes()).unwrap();
        polling.abandon();
        timeout(WITHIN, polling.wait_for_capacity()).await.expect("the wait ends");
    }

    #[tokio::test]
    async fn a_poll_takes_all_packets_and_only_one_poll_may_wait() {
        let polling = polling();
        for nth in 0..OUTBOUND_MAX {
            assert!(matches!(polling.push(&packet(&nth.to_string())), Queued::Yes));
        }
        assert!(matches!(polling.push(&packet("more")), Queued::Full));
        assert!(
            matches!(polling.push_unbounded(&EncodedPacket::new(EnginePacket::Ping)), Queued::Yes),
            "a ping needs no capacity"
        );
        let taken = String::from_utf8(polling.poll().await.unwrap()).unwrap();
        let texts: Vec<&str> = taken.split('\x1e').collect();
        assert_eq!((texts.len(), texts[0], texts[31], texts[32]), (OUTBOUND_MAX + 1, "40", "431", "2"));
        assert!(matches!(next(&polling).await, PollingEvent::Polled), "there is capacity again");
        {
            let mut waiting = pin!(polling.poll());
            assert!(timeout(Duration::ZERO, waiting.as_mut()).await.is_err());
            assert_eq!(polling.poll().await, Err(PollingError::Overlap));
            assert!(polling.is_ended());
        }
        assert!(polling.poll().await.is_ok(), "the poll that was dropped waits no more");
    }

    #[tokio::test]
    async fn a_poll_that_waits_takes_the_last_packets_of_a_session_that_closes() {
        let polling = polling();
        let of_request = Arc::clone(&polling);
        let waiting = tokio::spawn(async move { of_request.poll().await });
        tokio::task::yield_now().await;
        polling.push(&packet("1"));
        timeout(WITHIN, polling.close(&CloseReason::Forbidden)).await.expect("the packets are taken");
        let mut taken = waiting.await.unwrap().unwrap();
        if taken == b"41" {
            taken = polling.poll().await.unwrap_or_default();
        }
        assert!(taken.ends_with(b"1"), "{taken:?}");
        assert_eq!(polling.poll().await, Err(PollingError::WrongTransport));
    }

    #[tokio::test]
    async fn an_invalid_packet_ends_the_session_behind_the_messages_before_it() {
        for body in [&b"4a\x1e"[..], b"4a\x1e9", b"4a\x1e\xff", b"4a\x1eb!", b"4a\x1e5"] {
            let polling = polling();
            assert_eq!(polling.receive(body), Err(PollingError::InvalidPacket), "{body:?}");
            assert_eq!(next_message(&polling).await, EngineMessage::Text("a".into()));
            let PollingEvent::Ended(Disconnected::Close(reason)) = next(&polling).await else { panic!("no end") };
            assert_eq!(reason, CloseReason::Protocol);
        }
    }
}
