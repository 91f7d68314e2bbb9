//! The authentication of HTTP requests.

use access::{Authenticator, Credentials, Denied, Identity};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use crate::http::error::{error, unavailable};
use crate::http::origin_check::{ORIGIN_REQUIRED, check_cookie_origin};
use crate::node::Node;
use crate::ops::config::PublicSettings;
use crate::systems::SystemModule;

/// Authenticates a request to a system, and extends the session that the request is based on. If the system asks for it,
/// cookies authorise a request that can change something only with an allowed origin.
///
/// # Errors
/// Why the request is not authenticated, which is recorded. The caller answers in the form of its protocol.
pub(crate) async fn authenticate<S: SystemModule>(node: &Node, request: &Parts) -> Result<Identity, Denied> {
    let result = identify::<S>(&node.auth, &node.settings.public, request).await;
    match &result {
        Ok(identity) => node.auth.extend_session(identity).await,
        Err(denied) => node.record_auth_failure(denied),
    }
    result
}

async fn identify<S: SystemModule>(
    auth: &Authenticator,
    public: &PublicSettings,
    request: &Parts,
) -> Result<Identity, Denied> {
    let credentials = Credentials::of(&request.uri, &request.headers)?;
    if S::REQUIRES_ORIGIN_WITH_COOKIES && !request.method.is_safe() {
        check_cookie_origin(auth, public, &credentials, S::NAME, &request.headers)?;
    }
    auth.authenticate(&credentials, S::NAME).await
}

/// Returns the shared answer to a request that is not authenticated.
pub(super) fn refusal<S: SystemModule>(node: &Node, request: &Parts, denied: &Denied) -> Response {
    let message = match denied {
        Denied::Missing => missing(&node.auth),
        Denied::Rejected(_) | Denied::Expired(_) => match Credentials::of(&request.uri, &request.headers) {
            Ok(credentials) => rejected(&node.auth, &credentials, S::NAME),
            Err(_) => "the query cannot be parsed",
        },
        Denied::OriginRequired => return error(StatusCode::FORBIDDEN, "Forbidden", ORIGIN_REQUIRED),
        Denied::Unavailable(_) => return unavailable("the credentials cannot be verified now; try again"),
    };
    error(StatusCode::UNAUTHORIZED, "Unauthorized", message)
}

/// Names the credentials that a client without any can send.
fn missing(auth: &Authenticator) -> &'static str {
    match (auth.accepts_tokens(), auth.accepts_sessions()) {
        _ if auth.is_trusted_mode() => "a token or a user id is needed",
        (true, true) => "a token or a session is needed",
        (false, true) => "a session is needed",
        (_, false) => "a token is needed",
    }
}

/// Names the credentials that were rejected. The exact reason is in the log only.
fn rejected(auth: &Authenticator, credentials: &Credentials, system: &str) -> &'static str {
    if auth.has_test_user(credentials) {
        return "the development headers were rejected: they are invalid, or belong to another user id";
    }
    match (credentials.has_token(), credentials.has_user_id()) {
        (true, false) => "the token was rejected: it is invalid or has expired",
        (true, true) => "the token was rejected: it is invalid, has expired, or belongs to another user id",
        (false, _) if auth.has_session_cookie(credentials, system) => {
            "the session was rejected: it is invalid or has expired"
        }
        (false, _) if auth.is_trusted_mode() => "the user id was rejected: it is invalid",
        (false, _) => "the user id was rejected: it needs a token",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use axum::http::Request;
    use timers::{Limits, ScopeKind};

    use crate::ops::config::{Reader, Settings, Sources, load};

    /// A system whose requests pages of other sites can make, and one whose requests they cannot.
    struct TestSystem<const REQUIRES_ORIGIN: bool>;

    impl<const REQUIRES_ORIGIN: bool> SystemModule for TestSystem<REQUIRES_ORIGIN> {
        const NAME: &'static str = "clockit";
        const DIALECTS: &'static [&'static str] = &[];
        const SCOPES: &'static [ScopeKind] = &[];
        const REQUIRES_ORIGIN_WITH_COOKIES: bool = REQUIRES_ORIGIN;
        type Settings = ();

        fn read_settings(_: &mut Reader, _: &mut Limits) {}

        fn is_enabled((): &()) -> bool {
            true
        }
    }

    fn settings(flags: &[&str]) -> Settings {
        let flags = [&["store.url=memory://", "public.origins=https://page.org"], flags].concat();
        let flags = flags.into_iter().map(str::to_owned).collect();
        load(&Sources { file: None, flags }).expect("a valid configuration").settings
    }

    async fn asked<S: SystemModule>(
        settings: &Settings,
        method: &str,
        headers: &[(&str, &str)],
    ) -> Result<String, Denied> {
        let auth = settings.auth.connect().unwrap();
        let mut request = Request::builder().method(method).uri("/").header("host", "node.org");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        identify::<S>(&auth, &settings.public, &parts).await.map(|identity| identity.user.as_str().to_owned())
    }

    #[tokio::test]
    async fn a_cookie_authorises_a_write_only_with_an_allowed_origin_where_a_system_asks_for_it() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../../fixtures/next_auth/cookies.json")).unwrap();
        let secret = format!("auth.next_auth.secret={}", vectors["secret"].as_str().unwrap());
        let settings = settings(&[
            "auth.modes=next-auth,jwt",
            "auth.tokens=an-opaque-token=ben",
            &secret,
            "auth.jwt.secret=a secret of sixteen bytes",
        ]);
        let cookie = format!("next-auth.session-token={}", vectors["valid"]["complete"].as_str().unwrap());
        let cookie = ("cookie", cookie.as_str());
        let user = |name: &str| Ok(name.to_owned());
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            for origin in ["https://page.org", "https://node.org", "http://node.org"] {
                let headers = [cookie, ("origin", origin)];
                assert_eq!(
                    asked::<TestSystem<true>>(&settings, method, &headers).await,
                    user("42"),
                    "{method} of {origin}"
                );
            }
            for origin in ["https://evil.org", "null", "", "https://page.org.evil.org"] {
                let headers = [cookie, ("origin", origin)];
                let denied = asked::<TestSystem<true>>(&settings, method, &headers).await;
                assert_eq!(denied, Err(Denied::OriginRequired), "{method} of {origin}");
            }
            let denied = asked::<TestSystem<true>>(&settings, method, &[cookie]).await;
            assert_eq!(denied, Err(Denied::OriginRequired), "{method} without an origin");
            assert_eq!(asked::<TestSystem<false>>(&settings, method, &[cookie]).await, user("42"));
            let token = ("authorization", "Bearer an-opaque-token");
            assert_eq!(asked::<TestSystem<true>>(&settings, method, &[token, cookie]).await, user("ben"), "by a token");
            assert_eq!(asked::<TestSystem<true>>(&settings, method, &[]).await, Err(Denied::Missing));
        }
        assert_eq!(asked::<TestSystem<true>>(&settings, "GET", &[cookie]).await, user("42"), "it changes nothing");
    }
}
