//! Who is asking, and for how long that is believed.

mod claimed;
mod express_session;
mod issuer;
mod jwks;
mod names;

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use timers::{Timestamp, UserId};
use tokio::time::sleep;

use crate::config::{AuthMode, AuthSettings, Secret, System};

use express_session::{ExpressSession, ExpressSessions};
use issuer::Issuer;
use names::Names;

pub(crate) use claimed::{BEARER_PROTOCOL, Claimed};

/// The end of a token is looked for at least so often: the machine's clock may be put right, and the machine sleep.
const LOOK_EVERY: Duration = Duration::from_secs(300);

/// How long a session that can't be looked at is taken for good: as long as displays go on without the store by default.
const UNSEEN_MAX: Duration = Duration::from_secs(600);

/// Who a client is found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) user: UserId,
    pub(crate) by: By,
    pub(crate) lasts: Lasting,
}

/// What the finding rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The word of the client.
    UserId,
    /// A token.
    Token,
    /// A session of a web server.
    Session,
    /// Nothing: a guest.
    Guest,
}

/// How long the finding holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lasting {
    ForEver,
    Until(SystemTime),
    /// As long as the session that it rests on.
    Session(ExpressSession),
}

/// Why a finding holds no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The token or the session has ended.
    Over,
    /// It could not be told for too long whether it has.
    Unsure,
}

/// Nobody was found. Why is for the log only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    /// The client is not believed.
    #[error("{0}")]
    NotBelieved(String),
    /// It can't be told now; it may come again.
    #[error("{0}")]
    Unavailable(String),
}

/// Decides who is believed.
pub(crate) struct Auth {
    trusted: bool,
    guests: bool,
    tokens: BTreeMap<Secret, UserId>,
    issuers: Vec<Issuer>,
    names: Names,
    sessions: Option<Arc<ExpressSessions>>,
}

impl Identity {
    /// Makes up somebody.
    pub(crate) fn guest() -> Self {
        let user = UserId::new(&format!("guest_{:016x}", fastrand::u64(..))).expect("short and printable");
        Self { user, by: By::Guest, lasts: Lasting::ForEver }
    }

    /// Returns when it ends, if that is known.
    pub(crate) fn ends_at(&self) -> Option<Timestamp> {
        match self.lasts {
            Lasting::Until(at) => {
                let since_1970 = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                Some(Timestamp(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)))
            }
            Lasting::ForEver | Lasting::Session(_) => None,
        }
    }
}

impl Denied {
    fn not_believed(why: impl Into<String>) -> Self {
        Self::NotBelieved(why.into())
    }
}

impl Auth {
    /// Begins to fetch what is published elsewhere.
    ///
    /// # Errors
    /// What is wrong with a file, in words.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub(crate) fn new(settings: &AuthSettings) -> Result<Self, String> {
        let trusted = settings.modes.contains(&AuthMode::Trusted);
        let issuers: Vec<Issuer> = settings.issuers.iter().map(Issuer::new).collect::<Result<_, _>>()?;
        for jwks in issuers.iter().filter_map(|issuer| issuer.jwks.clone()) {
            tokio::spawn(async move { jwks.keep_fresh().await });
        }
        let names = Names::new(settings);
        let sessions = settings.express_session.as_ref();
        let sessions = sessions.map(|sessions| ExpressSessions::new(sessions, names.clone())).transpose()?;
        Ok(Self {
            trusted,
            guests: settings.guests || trusted,
            tokens: settings.tokens.clone(),
            issuers,
            names,
            sessions: sessions.map(Arc::new),
        })
    }

    /// Tells whether anybody may say to be anyone.
    pub(crate) fn is_trusting(&self) -> bool {
        self.trusted
    }

    /// Tells whether people can be found out about, or why not: a node that can't should not be sent any.
    pub(crate) fn ready(&self) -> Result<(), String> {
        if self.issuers.iter().filter_map(|issuer| issuer.jwks.as_ref()).any(|jwks| !jwks.is_known()) {
            return Err("an issuer's keys were never fetched".to_owned());
        }
        if self.sessions.as_ref().is_some_and(|sessions| !sessions.is_known()) {
            return Err("the Redis that has sessions was never there".to_owned());
        }
        Ok(())
    }

    /// Tells whether a client may bring a token.
    pub(crate) fn takes_tokens(&self) -> bool {
        self.trusted || !self.issuers.is_empty() || !self.tokens.is_empty()
    }

    /// Tells whether who says nothing of itself is a guest.
    pub(crate) fn admits_guests(&self) -> bool {
        self.guests
    }

    /// Tells whether a client has a cookie that may be a session's.
    pub(crate) fn is_claimed_by_cookie(&self, claimed: &Claimed) -> bool {
        self.sessions.as_ref().is_some_and(|sessions| sessions.is_claimed(claimed))
    }

    /// Finds out who a client is, or a guest if it does not say and these are admitted.
    pub(crate) async fn identify_or(
        &self,
        claimed: &Claimed,
        system: System,
        guests: bool,
    ) -> Result<Identity, Denied> {
        if !claimed.is_empty() {
            return self.identify(claimed, system).await;
        }
        // Whoever looks at a page of the web server has a cookie, logged in or not.
        let found = if self.is_claimed_by_cookie(claimed) {
            self.identify(claimed, system).await
        } else {
            Err(Denied::not_believed("neither a token nor guests are admitted"))
        };
        match found {
            Err(Denied::NotBelieved(_)) if guests => Ok(Identity::guest()),
            found => found,
        }
    }

    /// Finds out who a client is. A token counts before a session, and that before a client's word.
    pub(crate) async fn identify(&self, claimed: &Claimed, system: System) -> Result<Identity, Denied> {
        let identity = match (&claimed.token, &self.sessions, &claimed.user_id) {
            (Some(token), _, _) => self.by_token(token, system).await?,
            (None, Some(sessions), _) if sessions.is_claimed(claimed) => {
                let (user, session) = sessions.find(claimed).await?;
                Identity { user, by: By::Session, lasts: Lasting::Session(session) }
            }
            (None, _, Some(user)) if self.trusted => {
                return Ok(Identity { user: user_id(user)?, by: By::UserId, lasts: Lasting::ForEver });
            }
            (None, _, Some(_)) => return Err(Denied::not_believed("a userId without a token")),
            (None, _, None) => return Err(Denied::not_believed("no token")),
        };
        if claimed.user_id.as_ref().is_some_and(|claimed| claimed != identity.user.as_str()) {
            return Err(Denied::not_believed("the userId contradicts the rest"));
        }
        Ok(identity)
    }

    async fn by_token(&self, token: &str, system: System) -> Result<Identity, Denied> {
        let found = |(user, lasts)| Identity { user, by: By::Token, lasts };
        let known = self.tokens.iter().find(|(known, _)| equal_in_constant_time(known.reveal(), token));
        if let Some((_, user)) = known {
            return Ok(found((user.clone(), Lasting::ForEver)));
        }
        if self.trusted && self.issuers.is_empty() {
            return Ok(found((issuer::read_unverified(token)?, Lasting::ForEver)));
        }
        issuer::verify(&self.issuers, &self.names, token, system).await.map(found)
    }

    /// Notes that a request came from somebody: a session lives on from it.
    pub(crate) async fn seen(&self, identity: &Identity) {
        if let (Lasting::Session(session), Some(sessions)) = (&identity.lasts, &self.sessions) {
            sessions.extend(session).await;
        }
    }

    /// Waits until a finding holds no more.
    pub(crate) fn end(&self, identity: &Identity) -> impl Future<Output = End> + Send + use<> {
        let (user, lasts, sessions) = (identity.user.clone(), identity.lasts.clone(), self.sessions.clone());
        async move {
            match (lasts, sessions) {
                (Lasting::Until(at), _) => {
                    passed(at).await;
                    End::Over
                }
                // Ten thousand of these are kept in memory, most of them of others.
                (Lasting::Session(session), Some(sessions)) => Box::pin(ended(&sessions, &session, &user)).await,
                (Lasting::ForEver | Lasting::Session(_), _) => pending().await,
            }
        }
    }
}

async fn passed(at: SystemTime) {
    while let Ok(rest) = at.duration_since(SystemTime::now()) {
        sleep(rest.min(LOOK_EVERY)).await;
    }
}

/// Waits until a session has ended, or is somebody else's. One that can't be looked at goes on for a while.
async fn ended(sessions: &ExpressSessions, session: &ExpressSession, user: &UserId) -> End {
    let mut seen_at = Instant::now();
    loop {
        // Many came at one time, and need not be looked at together for ever.
        sleep(sessions.check_every().mul_f64(0.75 + fastrand::f64() / 2.0)).await;
        match sessions.is_of(session, user).await {
            Ok(true) => seen_at = Instant::now(),
            Ok(false) => return End::Over,
            Err(why) if seen_at.elapsed() < UNSEEN_MAX => tracing::debug!(%why, "a session can't be looked at"),
            Err(_) => return End::Unsure,
        }
    }
}

fn user_id(text: &str) -> Result<UserId, Denied> {
    UserId::new(text).map_err(|error| Denied::not_believed(format!("the user id {error}")))
}

fn equal_in_constant_time(a: &str, b: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()
}

/// What is fed with nonsense.
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing {
    use super::*;
    use crate::config::IssuerSettings;

    const SECRET: &str = "a secret of sixteen bytes";

    pub(crate) fn believes(token: &str) -> bool {
        let settings = IssuerSettings::with_secrets(vec![Secret::new(SECRET.to_owned())]);
        let issuers = [Issuer::new(&settings).expect("it needs no file")];
        issuer::read_unverified(token).ok();
        // Nothing is waited for without an address.
        futures_util::FutureExt::now_or_never(issuer::verify(
            &issuers,
            &Names::of(std::iter::empty()),
            token,
            System::Clockit,
        ))
        .expect("ready")
        .is_ok()
    }

    pub(crate) fn is_signed(cookie: &str) -> bool {
        express_session::is_signed(cookie, SECRET)
    }

    pub(crate) fn reads(bytes: &[u8]) {
        crate::keys::read_set(bytes).ok();
        express_session::read_stored(bytes).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use axum::http::{HeaderMap, Uri};
    use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
    use serde_json::{Value, json};

    use crate::config::IssuerSettings;

    const SECRET: &str = "a secret of sixteen bytes";

    fn auth(modes: &[AuthMode], secrets: &[&str]) -> Auth {
        let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new((*secret).to_owned())).collect();
        let issuers = if secrets.is_empty() { Vec::new() } else { vec![IssuerSettings::with_secrets(secrets)] };
        let tokens = BTreeMap::from([(Secret::new("opaque".to_owned()), UserId::new("ann").unwrap())]);
        let settings = AuthSettings {
            modes: modes.to_vec(),
            guests: false,
            tokens,
            first_message_within: Duration::ZERO,
            issuers,
            express_session: None,
        };
        Auth::new(&settings).unwrap()
    }

    fn token(secret: &str, claims: &Value) -> String {
        encode(&Header::default(), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    async fn found(auth: &Auth, query: &str) -> Option<(String, By)> {
        let uri: Uri = format!("/session?{query}").parse().unwrap();
        let claimed = Claimed::of(&uri, &HeaderMap::new()).ok()?;
        let identity = auth.identify_or(&claimed, System::Clockit, auth.admits_guests()).await.ok()?;
        Some((identity.user.to_string(), identity.by))
    }

    fn person(user: &str, by: By) -> Option<(String, By)> {
        Some((user.to_owned(), by))
    }

    #[tokio::test]
    async fn trusted_mode_believes_what_is_said_and_reads_tokens_unverified() {
        let auth = auth(&[AuthMode::Trusted], &[]);
        assert_eq!(found(&auth, "userId=ben").await, person("ben", By::UserId));
        let token = token("whatever else", &json!({"sub": "cem"}));
        assert_eq!(found(&auth, &format!("token={token}")).await, person("cem", By::Token));
        assert_eq!(found(&auth, &format!("token={token}&userId=ben")).await, None, "they contradict each other");
        assert_eq!(found(&auth, "token=nonsense").await, None);
        assert_eq!(found(&auth, "userId=a%0Ab").await, None);
        for nothing in ["", "userId=&token="] {
            let (user, by) = found(&auth, nothing).await.unwrap();
            assert!(user.starts_with("guest_") && by == By::Guest);
        }
    }

    #[test]
    fn to_wait_for_an_end_takes_little_room() {
        let auth = auth(&[AuthMode::Trusted], &[]);
        let size = size_of_val(&auth.end(&Identity::guest()));
        assert!(size <= 512, "{size} bytes a connection");
    }

    #[tokio::test]
    async fn trusted_mode_with_a_key_checks_tokens() {
        let auth = auth(&[AuthMode::Trusted], &[SECRET]);
        let claims = json!({"sub": "cem", "exp": get_current_timestamp() + 60});
        assert_eq!(found(&auth, &format!("token={}", token("whatever else", &claims))).await, None);
        let good = format!("token={}", token(SECRET, &claims));
        assert_eq!(found(&auth, &good).await, person("cem", By::Token));
        assert_eq!(found(&auth, "userId=ben").await, person("ben", By::UserId));
    }

    #[tokio::test]
    async fn jwt_mode_believes_only_what_is_signed() {
        let auth = auth(&[AuthMode::Jwt], &["the newer of two secrets", SECRET]);
        let later = get_current_timestamp() + 60;
        let good = token(SECRET, &json!({"sub": "ann", "exp": later}));
        assert_eq!(found(&auth, &format!("token={good}")).await, person("ann", By::Token));
        assert_eq!(found(&auth, &format!("token={good}&userId=ann")).await, person("ann", By::Token));
        assert_eq!(found(&auth, "token=opaque").await, person("ann", By::Token));
        let (unsigned, _) = good.rsplit_once('.').unwrap();
        for refused in [
            &format!("token={good}&userId=ben"),
            &format!("token={}", token("another secret of some length", &json!({"sub": "ann", "exp": later}))),
            &format!("token={unsigned}."),
            "token=opaqu",
            "userId=ann",
            "",
        ] {
            assert_eq!(found(&auth, refused).await, None, "{refused}");
        }
    }
}
