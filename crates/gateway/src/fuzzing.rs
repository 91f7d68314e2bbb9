//! The parsers by themselves, to be fed with nonsense. Each must bear anything, and what it says must hold.

use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use serde_json::value::RawValue;

use crate::auth::fuzzing as auth;
use crate::config::{ForwardedBy, ProxySettings, Reader, Settings, read_text};
use crate::http::address::client_address;
use crate::origin::Origin;
use crate::socketio::Packet;
use crate::ws::Inspection;

/// A token: nobody guesses a signature.
pub fn token(text: &str) {
    assert!(!auth::believes(text), "a token is believed");
}

/// A cookie: nobody guesses a signature.
pub fn cookie(text: &str) {
    assert!(!auth::is_signed(text), "a cookie is believed");
}

/// A session as a web server writes it, and a set of keys as an issuer publishes it.
pub fn foreign_json(bytes: &[u8]) {
    auth::reads(bytes);
}

/// A configuration file. What is right can be shown, and no secret is.
pub fn configuration(text: &str) {
    // It may name files; those of a machine are not for this.
    if text.contains("file") {
        return;
    }
    let Ok(given) = read_text(text) else { return };
    let mut reader = Reader::new(given);
    let settings = Settings::read(&mut reader);
    let secrets = settings.auth.issuers.iter().flat_map(|issuer| &issuer.secrets);
    let secrets: Vec<String> = secrets.map(|secret| secret.reveal().to_owned()).collect();
    let shown = match reader.finish() {
        Ok(shown) => crate::config::show(&shown),
        Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
    };
    // Those that are too short are none, and another key may have the same text.
    let is_one = |secret: &String| secret.len() >= 16 && text.matches(secret.as_str()).count() == 1;
    let is_shown = |secret: &String| is_one(secret) && shown.contains(secret.as_str());
    assert!(!secrets.iter().any(is_shown), "a secret is shown");
}

/// The headers of proxies and of pages.
pub fn headers(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    for (header, name) in [(ForwardedBy::XForwardedFor, "x-forwarded-for"), (ForwardedBy::Forwarded, "forwarded")] {
        let headers = HeaderMap::from_iter([(HeaderName::from_static(name), value.clone())]);
        let networks = vec!["0.0.0.0/8".parse().expect("a network")];
        client_address(&Extensions::new(), &headers, &ProxySettings { networks, header, protocol: false });
    }
    if let Ok(text) = value.to_str()
        && let Ok(origin) = text.parse::<Origin>()
    {
        let again = origin.to_string().parse::<Origin>();
        assert_eq!(again.as_ref(), Ok(&origin), "an origin is written otherwise than it is read");
    }
}

/// A packet of Socket.IO, and the event that it brings.
pub fn packet(text: &str) {
    if let Packet::Event { name, payload, .. } = Packet::read(text.to_owned().into()) {
        if let Some(payload) = &payload {
            // A number may be larger than any that is read.
            assert!(serde_json::from_str::<&RawValue>(payload).is_ok(), "no JSON: {payload}");
        }
        wire::rooms::parse(&name, payload.as_deref());
    }
}

/// The frames of a client: whether something is found wrong does not depend on how they are cut. Of several things that
/// are wrong, it may.
pub fn frames(bytes: &[u8]) {
    let whole = Inspection::of(usize::MAX).look(bytes);
    let mut cut = Inspection::of(usize::MAX);
    let cut = bytes.chunks(1).try_for_each(|byte| cut.look(byte));
    assert_eq!(whole.is_ok(), cut.is_ok(), "{whole:?} {cut:?}");
}
