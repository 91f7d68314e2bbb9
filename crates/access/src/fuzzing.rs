//! Entry points to the parsers, for `fuzz`. Each accepts any input, and panics if a property of its parser does not hold.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue, Uri};

use crate::credentials::Credentials;
use crate::express_session;
use crate::issuer::{self, Issuer};
use crate::keys;
use crate::namespaces::Namespaces;
use crate::next_auth;
use crate::origin::OriginPattern;
use crate::secret::Secret;
use crate::settings::IssuerSettings;

const SECRET: &str = "a secret of sixteen bytes";

/// Verifies a token. No input has a valid signature.
pub fn token(text: &str) {
    let secrets = vec![Secret::new(SECRET.to_owned())];
    let settings = IssuerSettings { secrets, ..IssuerSettings::default() };
    let issuers = [Issuer::new(&settings, &|_| Err("no TLS".to_owned())).expect("no file is needed")];
    let namespaces = Namespaces::of(std::iter::empty());
    issuer::unverified_identity(text, &namespaces).ok();
    let verified = pin!(issuer::verify(&issuers, &namespaces, text, "clockit"));
    // Without published keys the future never waits.
    let Poll::Ready(verified) = verified.poll(&mut Context::from_waker(Waker::noop())) else { unreachable!() };
    assert!(verified.is_err(), "a token without a valid signature is accepted");
}

/// Verifies a session cookie. No input has a valid signature.
pub fn cookie(text: &str) {
    assert!(!express_session::is_signed(text, SECRET), "a cookie without a valid signature is accepted");
}

/// Decrypts the session tokens in a `cookie` header. No input is encrypted with a key of the secret.
pub fn session_tokens(header: &[u8]) {
    let Ok(header) = HeaderValue::from_bytes(header) else { return };
    let headers = HeaderMap::from_iter([(COOKIE, header)]);
    let credentials = Credentials::of(&Uri::from_static("/"), &headers).expect("there is no query");
    assert!(!next_auth::is_encrypted(&credentials, SECRET), "a token that nobody has encrypted is accepted");
}

/// Parses the document of another server: a stored session, the claims of a session token, and a published key set.
pub fn foreign_json(bytes: &[u8]) {
    next_auth::parse(bytes);
    keys::parse_key_set(bytes).ok();
    express_session::parse_session(bytes).ok();
}

/// Parses an origin pattern. Its text parses to the same pattern.
pub fn origin(text: &str) {
    if let Ok(pattern) = text.parse::<OriginPattern>() {
        let parsed = pattern.to_string().parse::<OriginPattern>();
        assert_eq!(parsed.as_ref(), Ok(&pattern), "the text of an origin pattern parses to another pattern");
    }
}
