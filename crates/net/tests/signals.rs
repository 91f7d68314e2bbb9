//! Signals over real sockets: messages that are read at any rate, and never a reason to close.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::future::pending;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use futures_util::{SinkExt, StreamExt};
use net::limits::{ConnectionLimits, SIGNALS_PER_MESSAGE, SignalTexts};
use net::server::{HttpOptions, serve};
use net::websocket::{CloseReason, Disconnected, WebSocket, WebSocketEvent, accept};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

const MOVED: &str = r#"{"type":"moved"}"#;
const SIGNALS: SignalTexts = SignalTexts::new(&[MOVED]);

/// Messages a second; signals are ten times as many.
const MESSAGES: usize = 20;
const SIGNALS_PER_SECOND: usize = MESSAGES * SIGNALS_PER_MESSAGE;

const WITHIN: Duration = Duration::from_secs(60);

/// What the server read of one socket, and when.
type Received = mpsc::UnboundedReceiver<(Instant, Result<WebSocketEvent, Disconnected>)>;

/// Starts a server for sockets with this rate of messages. It cancels a read after `patience`, and reads again.
async fn start(messages: usize, patience: Duration) -> (SocketAddr, Received) {
    let (sender, received) = mpsc::unbounded_channel();
    let limits = ConnectionLimits {
        messages_per_second: messages,
        message_burst: messages,
        message_bytes: 1000,
        signals: SIGNALS,
    };
    let read = move |mut socket: WebSocket| {
        let sender = sender.clone();
        async move {
            loop {
                let Ok(event) = timeout(patience, socket.next()).await else { continue };
                let has_ended = event.is_err();
                sender.send((Instant::now(), event)).unwrap();
                if has_ended {
                    return;
                }
            }
        }
    };
    let route = move |request: Request| {
        let read = read.clone();
        async move { accept(request, &limits, |task| drop(tokio::spawn(task)), read) }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let options = HttpOptions { timeout: WITHIN, keep_alive: WITHIN, head_bytes: 8192, acceptor: None };
    tokio::spawn(serve(listener, Router::new().route("/", get(route)), options, pending()));
    (address, received)
}

async fn connect(address: SocketAddr) -> WebSocketStream<TcpStream> {
    let tcp = TcpStream::connect(address).await.unwrap();
    client_async(format!("ws://{address}/"), tcp).await.unwrap().0
}

async fn next(received: &mut Received) -> (Instant, Result<WebSocketEvent, Disconnected>) {
    timeout(WITHIN, received.recv()).await.expect("an event in time").unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_signals_is_read_at_a_bounded_rate_and_what_comes_after_it_is_not_lost() {
    const FLOOD: usize = 4 * SIGNALS_PER_SECOND;
    let (address, mut received) = start(MESSAGES, WITHIN).await;
    let mut client = connect(address).await;
    let begun = Instant::now();
    let writing = tokio::spawn(async move {
        for _ in 0..FLOOD {
            client.feed(Message::text(MOVED)).await.unwrap();
        }
        client.send(Message::text("stop")).await.unwrap();
        client
    });
    let (mut signals, mut surplus) = (0, 0);
    let stopped = loop {
        match next(&mut received).await {
            (_, Ok(WebSocketEvent::Signal { is_surplus })) => {
                signals += 1;
                surplus += usize::from(is_surplus);
            }
            (at, Ok(WebSocketEvent::Text(text))) if text == "stop" => break at,
            (_, other) => panic!("{other:?} after {signals} signals"),
        }
    };
    assert_eq!(signals, FLOOD, "none is lost");
    assert!(surplus > 0);
    // The burst is one second's worth; each pause lets one more signal through than the bucket holds.
    let least = Duration::from_secs_f64((FLOOD - SIGNALS_PER_SECOND - surplus) as f64 / SIGNALS_PER_SECOND as f64);
    assert!(stopped - begun >= least, "{:?} is shorter than {least:?}", stopped - begun);
    drop(writing.await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signals_take_nothing_from_the_messages_and_a_flood_of_messages_still_closes() {
    let (address, mut received) = start(MESSAGES, WITHIN).await;
    let mut client = connect(address).await;
    for nth in 0..MESSAGES / 2 {
        for _ in 0..10 {
            client.feed(Message::text(MOVED)).await.unwrap();
        }
        client.feed(Message::text(nth.to_string())).await.unwrap();
    }
    client.flush().await.unwrap();
    let mut texts = 0;
    while texts < MESSAGES / 2 {
        match next(&mut received).await.1 {
            Ok(WebSocketEvent::Signal { is_surplus }) => assert!(!is_surplus, "not too many"),
            Ok(WebSocketEvent::Text(text)) => {
                assert_eq!(text.as_str(), texts.to_string());
                texts += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    for _ in 0..20 * MESSAGES {
        client.feed(Message::text("another spelling of a signal")).await.ok();
    }
    client.flush().await.ok();
    let reason = loop {
        match next(&mut received).await.1 {
            Err(Disconnected::Close(reason)) => break reason,
            Err(Disconnected::Broken) => panic!("the reason is lost"),
            Ok(_) => {}
        }
    };
    assert_eq!(reason, CloseReason::TooManyMessages);
    drop(client.next().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_reader_can_be_cancelled_and_goes_on() {
    let (address, mut received) = start(1, Duration::from_millis(1)).await;
    let mut client = connect(address).await;
    for _ in 0..15 {
        client.feed(Message::text(MOVED)).await.unwrap();
    }
    client.send(Message::text("stop")).await.unwrap();
    let mut signals = 0;
    loop {
        match next(&mut received).await.1 {
            Ok(WebSocketEvent::Signal { .. }) => signals += 1,
            Ok(WebSocketEvent::Text(text)) if text == "stop" => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(signals, 15);
}
