//! What a client says about itself.

use axum::extract::Query;
use axum::http::header::{AUTHORIZATION, COOKIE, SEC_WEBSOCKET_PROTOCOL};
use axum::http::{HeaderMap, HeaderName, Uri};
use serde::Deserialize;

use crate::auth::Denied;

/// What a client says about itself, in its address and its headers. What is empty is not said.
#[derive(Clone, Default)]
pub(crate) struct Claimed {
    pub(super) user_id: Option<String>,
    pub(super) token: Option<String>,
    /// The cookies, as they came.
    pub(super) cookies: Vec<String>,
}

/// What the query of an address says.
#[derive(Deserialize)]
struct Said {
    #[serde(rename = "userId")]
    user_id: Option<String>,
    token: Option<String>,
}

/// What the protocol that carries a token begins with; a browser can't set other headers of a WebSocket.
pub(crate) const BEARER_PROTOCOL: &str = "bearer.";

impl Claimed {
    /// Reads the head of a request. A token in the header `authorization` counts before one among the WebSocket's
    /// protocols, and that before one in the address.
    pub(crate) fn of(uri: &Uri, headers: &HeaderMap) -> Result<Self, Denied> {
        let Query(Said { user_id, token }) =
            Query::try_from_uri(uri).map_err(|unread| Denied::not_believed(unread.body_text()))?;
        let token = bearer(headers).or_else(|| protocol_token(headers)).map(str::to_owned).or(token);
        // Browsers send all in one header, and another's may be no text.
        let cookies =
            headers.get_all(COOKIE).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let cookies = cookies.collect();
        Ok(Self { user_id: user_id.filter(is_said), token: token.filter(is_said), cookies })
    }

    /// Adds a token that the client has sent in a message.
    pub(crate) fn with_token(mut self, token: Option<String>) -> Self {
        self.token = token.filter(is_said).or(self.token);
        self
    }

    /// Tells whether it brings a token.
    pub(crate) fn brings_token(&self) -> bool {
        self.token.is_some()
    }

    /// Tells whether it says nothing that could be believed, or doubted.
    pub(super) fn is_empty(&self) -> bool {
        self.user_id.is_none() && self.token.is_none()
    }

    /// Returns the value of a cookie, as it came; the first of several, as express takes it.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        let pairs = self.cookies.iter().flat_map(|cookies| cookies.split(';'));
        let mut values = pairs.filter_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            (key.trim() == name).then(|| value.trim().trim_matches('"'))
        });
        values.next()
    }
}

#[expect(clippy::ptr_arg, reason = "it filters owned texts")]
fn is_said(text: &String) -> bool {
    !text.is_empty()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn protocol_token(headers: &HeaderMap) -> Option<&str> {
    let mut offered = texts(headers, &SEC_WEBSOCKET_PROTOCOL).flat_map(|list| list.split(',')).map(str::trim);
    offered.find_map(|protocol| protocol.strip_prefix(BEARER_PROTOCOL))
}

fn texts<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn claimed(query: &str, headers: &[(HeaderName, &str)]) -> Claimed {
        let uri = format!("/session?{query}").parse().unwrap();
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap()));
        Claimed::of(&uri, &headers.collect()).map_err(|_| "read").unwrap()
    }

    #[test]
    fn a_bearer_counts_before_a_protocol_and_that_before_the_address() {
        let (bearer, protocol) = ((AUTHORIZATION, "bearer  a"), (SEC_WEBSOCKET_PROTOCOL, "tickcast, bearer.b"));
        for (headers, token) in
            [(&[bearer.clone(), protocol.clone()][..], "a"), (&[protocol], "b"), (&[(AUTHORIZATION, "Basic x")], "c")]
        {
            assert_eq!(claimed("token=c", headers).token.as_deref(), Some(token));
        }
        let nothing = claimed("token=&userId=", &[(AUTHORIZATION, "Bearer "), (SEC_WEBSOCKET_PROTOCOL, "bearer.")]);
        assert!(nothing.is_empty());
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let found = |cookies: &[u8]| {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_bytes(cookies).unwrap())]);
            let claimed = Claimed::of(&"/".parse().unwrap(), &headers).map_err(|_| "read").unwrap();
            claimed.cookie("sid").map(str::to_owned)
        };
        assert_eq!(found(b"name=Jos\xe9; sid=a").as_deref(), Some("a"));
        for (cookies, value) in [
            ("sid=a", Some("a")),
            ("x=1; sid=a=b; sid=c", Some("a=b")),
            ("xsid=1;sid=\"a\"", Some("a")),
            ("sid", None),
            ("Sid=a", None),
            ("", None),
        ] {
            assert_eq!(found(cookies.as_bytes()).as_deref(), value, "{cookies}");
        }
    }
}
