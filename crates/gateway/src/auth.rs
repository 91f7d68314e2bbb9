//! Who is asking.

mod jwt;

use std::collections::BTreeMap;

use axum::extract::Query;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Uri};
use serde::Deserialize;
use timers::UserId;

use crate::config::{AuthMode, AuthSettings};

use jwt::Verifier;

/// What a client says about itself in the query of its address.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Claimed {
    #[serde(rename = "userId")]
    pub(crate) user_id: Option<String>,
    pub(crate) token: Option<String>,
}

impl Claimed {
    /// Reads the query of an address.
    pub(crate) fn of(uri: &Uri) -> Result<Self, Denied> {
        match Query::try_from_uri(uri) {
            Ok(Query(claimed)) => Ok(claimed),
            Err(unread) => Err(Denied(unread.body_text())),
        }
    }
}

/// Who it is found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) user: UserId,
    pub(crate) by: By,
}

impl Identity {
    /// Makes up somebody.
    pub(crate) fn guest() -> Self {
        let user = UserId::new(&format!("guest_{:016x}", fastrand::u64(..))).expect("short and printable");
        Self { user, by: By::Guest }
    }
}

/// What the finding rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The word of the client.
    UserId,
    /// A token.
    Token,
    /// Nothing: a guest.
    Guest,
}

/// Not believed. Why is for the log only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Denied(String);

/// Decides who is believed.
pub(crate) struct Auth {
    trusted: bool,
    guests: bool,
    tokens: BTreeMap<String, UserId>,
    verifier: Option<Verifier>,
}

impl Auth {
    pub(crate) fn new(settings: &AuthSettings) -> Self {
        let trusted = settings.modes.contains(&AuthMode::Trusted);
        let users = settings.tokens.iter().filter_map(|(token, user)| Some((token.clone(), UserId::new(user).ok()?)));
        Self {
            trusted,
            guests: settings.guests || trusted,
            tokens: users.collect(),
            verifier: settings.jwt_secret.as_ref().map(|secret| Verifier::new(secret, settings.jwt_leeway)),
        }
    }

    /// Tells whether anybody may say to be anyone.
    pub(crate) fn is_trusting(&self) -> bool {
        self.trusted
    }

    /// Finds out who a client is, or a guest if it does not say and the settings admit guests.
    pub(crate) fn identify_or_guest(&self, claimed: &Claimed, headers: &HeaderMap) -> Result<Identity, Denied> {
        self.identify_or(claimed, headers, self.guests)
    }

    /// Finds out who a client is, or a guest if it does not say and these are admitted.
    pub(crate) fn identify_or(&self, claimed: &Claimed, headers: &HeaderMap, guests: bool) -> Result<Identity, Denied> {
        let says_nothing = token_of(claimed, headers).is_none() && said(claimed.user_id.as_ref()).is_none();
        match (says_nothing, guests) {
            (false, _) => self.identify(claimed, headers),
            (true, true) => Ok(Identity::guest()),
            (true, false) => Err(Denied("neither a token nor guests are admitted".to_owned())),
        }
    }

    /// Finds out who a client is.
    pub(crate) fn identify(&self, claimed: &Claimed, headers: &HeaderMap) -> Result<Identity, Denied> {
        let claimed_user = said(claimed.user_id.as_ref());
        let Some(token) = token_of(claimed, headers) else {
            return match claimed_user {
                Some(user) if self.trusted => Ok(Identity { user: user_id(user)?, by: By::UserId }),
                Some(_) => Err(Denied("a userId without a token".to_owned())),
                None => Err(Denied("no token".to_owned())),
            };
        };
        let user = self.user_of(token)?;
        if claimed_user.is_some_and(|claimed| claimed != user.as_str()) {
            return Err(Denied("the userId contradicts the token".to_owned()));
        }
        Ok(Identity { user, by: By::Token })
    }

    fn user_of(&self, token: &str) -> Result<UserId, Denied> {
        let known = self.tokens.iter().find(|(known, _)| equal_in_constant_time(known, token));
        if let Some((_, user)) = known {
            return Ok(user.clone());
        }
        match &self.verifier {
            Some(verifier) => verifier.verify(token),
            None if self.trusted => jwt::read_unverified(token),
            None => Err(Denied("an unknown token".to_owned())),
        }
    }
}

fn token_of<'a>(claimed: &'a Claimed, headers: &'a HeaderMap) -> Option<&'a str> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = header.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    bearer.filter(|token| !token.is_empty()).or_else(|| said(claimed.token.as_ref()))
}

fn said(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

fn user_id(text: &str) -> Result<UserId, Denied> {
    UserId::new(text).map_err(|error| Denied(format!("the user id {error}")))
}

fn equal_in_constant_time(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};

    const SECRET: &str = "a secret of sixteen bytes";

    fn auth(modes: &[AuthMode]) -> Auth {
        Auth::new(&AuthSettings {
            modes: modes.to_vec(),
            guests: false,
            tokens: BTreeMap::from([("opaque".to_owned(), "ann".to_owned())]),
            jwt_secret: modes.contains(&AuthMode::Jwt).then(|| SECRET.to_owned()),
            jwt_leeway: Duration::from_secs(30),
        })
    }

    fn token(secret: &str, claims: &serde_json::Value) -> String {
        encode(&Header::default(), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    fn claimed(user_id: Option<&str>, token: Option<&str>) -> Claimed {
        Claimed { user_id: user_id.map(str::to_owned), token: token.map(str::to_owned) }
    }

    fn found(auth: &Auth, claimed: &Claimed) -> Result<(String, By), ()> {
        let identity = auth.identify_or_guest(claimed, &HeaderMap::new()).map_err(|_| ())?;
        Ok((identity.user.to_string(), identity.by))
    }

    #[test]
    fn trusted_mode_believes_what_is_said_and_reads_tokens_unverified() {
        let auth = auth(&[AuthMode::Trusted]);
        assert_eq!(found(&auth, &claimed(Some("ben"), None)), Ok(("ben".into(), By::UserId)));
        let token = token("whatever else", &serde_json::json!({"sub": "cem"}));
        assert_eq!(found(&auth, &claimed(None, Some(&token))), Ok(("cem".into(), By::Token)));
        assert_eq!(found(&auth, &claimed(Some("ben"), Some(&token))), Err(()), "they contradict each other");
        assert_eq!(found(&auth, &claimed(None, Some("nonsense"))), Err(()));
        assert_eq!(found(&auth, &claimed(Some("a\nb"), None)), Err(()));
        for nothing in [claimed(None, None), claimed(Some(""), Some(""))] {
            let (user, by) = found(&auth, &nothing).unwrap();
            assert!(user.starts_with("guest_") && by == By::Guest);
        }
    }

    #[test]
    fn trusted_mode_with_a_key_checks_tokens() {
        let settings = AuthSettings {
            modes: vec![AuthMode::Trusted],
            guests: false,
            tokens: BTreeMap::new(),
            jwt_secret: Some(SECRET.to_owned()),
            jwt_leeway: Duration::from_secs(30),
        };
        let auth = Auth::new(&settings);
        let claims = serde_json::json!({"sub": "cem", "exp": get_current_timestamp() + 60});
        assert_eq!(found(&auth, &claimed(None, Some(&token("whatever else", &claims)))), Err(()));
        assert_eq!(found(&auth, &claimed(None, Some(&token(SECRET, &claims)))), Ok(("cem".into(), By::Token)));
        assert_eq!(found(&auth, &claimed(Some("ben"), None)), Ok(("ben".into(), By::UserId)));
    }

    #[test]
    fn jwt_mode_believes_only_what_is_signed() {
        let auth = auth(&[AuthMode::Jwt]);
        let later = get_current_timestamp() + 60;
        let good = serde_json::json!({"sub": "ann", "exp": later});
        assert_eq!(found(&auth, &claimed(None, Some(&token(SECRET, &good)))), Ok(("ann".into(), By::Token)));
        assert_eq!(found(&auth, &claimed(Some("ann"), Some(&token(SECRET, &good)))), Ok(("ann".into(), By::Token)));
        let by_id = serde_json::json!({"id": 42, "exp": later});
        assert_eq!(found(&auth, &claimed(None, Some(&token(SECRET, &by_id)))), Ok(("42".into(), By::Token)));
        assert_eq!(found(&auth, &claimed(None, Some("opaque"))), Ok(("ann".into(), By::Token)));
        let unsigned = token(SECRET, &good);
        let (head, _) = unsigned.rsplit_once('.').unwrap();
        for refused in [
            claimed(Some("ben"), Some(&token(SECRET, &good))),
            claimed(None, Some(&token("another secret of some length", &good))),
            claimed(None, Some(&token(SECRET, &serde_json::json!({"sub": "ann", "exp": later - 600})))),
            claimed(None, Some(&token(SECRET, &serde_json::json!({"exp": later})))),
            claimed(None, Some(&token(SECRET, &serde_json::json!({"sub": "", "exp": later})))),
            claimed(None, Some(&format!("{head}."))),
            claimed(None, Some("opaqu")),
            claimed(Some("ann"), None),
            claimed(None, None),
        ] {
            assert_eq!(found(&auth, &refused), Err(()), "{refused:?}");
        }
    }

    #[test]
    fn a_bearer_counts_before_the_query() {
        let auth = auth(&[AuthMode::Trusted]);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, "bearer opaque".parse().unwrap());
        let identity = auth.identify(&claimed(None, Some("nonsense")), &headers).unwrap();
        assert_eq!(identity.user.as_str(), "ann");
    }
}
