//! The credentials of a request.

use http::header::{AUTHORIZATION, COOKIE, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, HeaderName, Uri};
use serde::Deserialize;

use crate::identity::Denied;

/// The credentials of a request, from its URI and its headers. Empty values count as absent.
#[derive(Clone, Default)]
pub struct Credentials {
    pub(crate) user_id: Option<String>,
    pub(crate) token: Option<String>,
    /// The user that the development header names.
    pub(crate) test_user: Option<String>,
    /// The organisation that the development header names.
    pub(crate) test_organization: Option<String>,
    /// The values of the `cookie` headers, undecoded.
    cookies: Vec<String>,
}

#[derive(Deserialize)]
struct QueryParameters {
    #[serde(rename = "userId")]
    user_id: Option<String>,
    token: Option<String>,
}

/// The prefix of a WebSocket subprotocol that carries a token. A browser can set no other header of a WebSocket.
pub const BEARER_PROTOCOL: &str = "bearer.";

/// The header that names the user, in development only.
const TEST_USER: HeaderName = HeaderName::from_static("x-test-user-id");

/// The header that names the organisation, in development only.
const TEST_ORGANIZATION: HeaderName = HeaderName::from_static("x-test-org-id");

impl Credentials {
    /// Reads the credentials of a request.
    ///
    /// A token in the header `authorization` takes precedence over one among the WebSocket subprotocols, and that over
    /// one in the query.
    ///
    /// # Errors
    /// [`Denied::Rejected`]: the query cannot be parsed.
    pub fn of(uri: &Uri, headers: &HeaderMap) -> Result<Self, Denied> {
        let query = serde_urlencoded::from_str(uri.query().unwrap_or_default());
        let QueryParameters { user_id, token } =
            query.map_err(|error| Denied::rejected(format!("the query cannot be parsed: {error}")))?;
        let token = bearer(headers).or_else(|| protocol_token(headers)).map(str::to_owned).or(token);
        // Browsers send all cookies in one header, and a foreign cookie need not be UTF-8.
        let cookies =
            headers.get_all(COOKIE).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let cookies = cookies.collect();
        let header = |name| texts(headers, name).next().map(|text| text.trim().to_owned()).filter(is_present);
        Ok(Self {
            user_id: user_id.filter(is_present),
            token: token.filter(is_present),
            test_user: header(&TEST_USER),
            test_organization: header(&TEST_ORGANIZATION),
            cookies,
        })
    }

    /// Replaces the token by one that the client has sent in a message, if there is one.
    pub fn with_token(mut self, token: Option<String>) -> Self {
        self.token = token.filter(is_present).or(self.token);
        self
    }

    /// Returns whether there is a token.
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Returns whether there is a user id.
    pub fn has_user_id(&self) -> bool {
        self.user_id.is_some()
    }

    /// Returns whether there is neither a user id nor a token.
    pub(crate) fn is_empty(&self) -> bool {
        self.user_id.is_none() && self.token.is_none()
    }

    /// Returns the undecoded value of a cookie; of several with this name the first, as express does.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Returns the names and the undecoded values of all cookies, in the order in which the client sends them.
    pub(crate) fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.cookies.iter().flat_map(|cookies| cookies.split(';'));
        pairs.filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((name.trim(), value.trim().trim_matches('"')))
        })
    }
}

#[expect(clippy::ptr_arg, reason = "a filter of `Option<String>`")]
fn is_present(text: &String) -> bool {
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
    use http::HeaderValue;

    fn credentials(query: &str, headers: &[(HeaderName, &str)]) -> Credentials {
        let uri = format!("/session?{query}").parse().unwrap();
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap()));
        Credentials::of(&uri, &headers.collect()).map_err(|_| "unparsable").unwrap()
    }

    #[test]
    fn a_bearer_token_precedes_a_subprotocol_and_that_precedes_the_query() {
        let (bearer, protocol) = ((AUTHORIZATION, "bearer  a"), (SEC_WEBSOCKET_PROTOCOL, "tickcast, bearer.b"));
        for (headers, token) in
            [(&[bearer.clone(), protocol.clone()][..], "a"), (&[protocol], "b"), (&[(AUTHORIZATION, "Basic x")], "c")]
        {
            assert_eq!(credentials("token=c", headers).token.as_deref(), Some(token));
        }
        let empty = credentials("token=&userId=", &[(AUTHORIZATION, "Bearer "), (SEC_WEBSOCKET_PROTOCOL, "bearer.")]);
        assert!(empty.is_empty());
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let found = |cookies: &[u8]| {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_bytes(cookies).unwrap())]);
            let credentials = Credentials::of(&"/".parse().unwrap(), &headers).map_err(|_| "unparsable").unwrap();
            credentials.cookie("sid").map(str::to_owned)
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
