//! The parsers as functions of their own, for fuzzing. Each must accept any input, and its results must be consistent.

use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use serde_json::value::RawValue;

use crate::proxy::{ForwardedHeader, ProxyOptions, client_address};
use crate::socketio::Packet;
use crate::websocket::InboundLimiter;

/// Parses the value of a header in which proxies report a client's address.
pub fn forwarded_headers(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    for header in [ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded] {
        let name = HeaderName::from_bytes(header.to_string().as_bytes()).expect("it is the name of a header");
        let headers = HeaderMap::from_iter([(name, value.clone())]);
        let networks = vec!["0.0.0.0/8".parse().expect("it is a network")];
        client_address(&Extensions::new(), &headers, &ProxyOptions { networks, header, protocol: false });
    }
}

/// Parses a Socket.IO packet; returns the name and the payload of an event. A payload must be JSON.
pub fn packet(text: &str) -> Option<(String, Option<String>)> {
    let Packet::Event { name, payload, .. } = Packet::parse(text.to_owned().into()) else { return None };
    if let Some(payload) = &payload {
        // A number may be out of the range of every type, so the payload is parsed as raw JSON.
        assert!(serde_json::from_str::<&RawValue>(payload).is_ok(), "the payload is not JSON: {payload}");
    }
    Some((name, payload))
}

/// Checks a client's frames: whether a fault is found must not depend on how they are split. Which of several faults is
/// found first may depend on it.
pub fn frames(bytes: &[u8]) {
    let whole = InboundLimiter::with_burst(usize::MAX).check(bytes);
    let mut limiter = InboundLimiter::with_burst(usize::MAX);
    let split = bytes.chunks(1).try_for_each(|byte| limiter.check(byte));
    assert_eq!(whole.is_ok(), split.is_ok(), "{whole:?} {split:?}");
}
