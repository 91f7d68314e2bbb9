//! Sessions as an express server keeps them (express-session with connect-redis), and their cookies.

use std::sync::atomic::{AtomicU32, Ordering};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::RedisServer;

/// How long a session lives in seconds: longer than any test.
const LIFETIME: &str = "3600";

/// A session in a Redis.
pub struct WebSession {
    /// The session's key in Redis.
    pub key: String,
    /// The value of the header `cookie`.
    pub cookie: String,
}

impl WebSession {
    /// Logs a user of an organisation in.
    ///
    /// # Panics
    /// If Redis does not answer.
    pub fn log_in(redis: &RedisServer, prefix: &str, secret: &str, user: &Value, organization: &Value) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let sid = format!("session-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let session = Self { key: format!("{prefix}{sid}"), cookie: session_cookie(&sid, secret) };
        session.store(redis, &stored(user, organization));
        session
    }

    /// Replaces the session's content. Its lifetime begins anew.
    ///
    /// # Panics
    /// If Redis does not answer.
    pub fn store(&self, redis: &RedisServer, content: &Value) {
        redis.command(&["SET", &self.key, &content.to_string(), "EX", LIFETIME]).unwrap();
    }

    /// Ends the session.
    ///
    /// # Panics
    /// If Redis does not answer.
    pub fn log_out(&self, redis: &RedisServer) {
        redis.command(&["DEL", &self.key]).unwrap();
    }

    /// Returns the remaining lifetime in seconds.
    ///
    /// # Panics
    /// If Redis does not answer, or the session has no lifetime.
    pub fn time_to_live(&self, redis: &RedisServer) -> i64 {
        let reply = redis.command(&["TTL", &self.key]).unwrap();
        reply.trim_start_matches(':').parse().unwrap()
    }
}

/// Returns a session as express-session writes it. The date in it has passed, as in every session that was extended.
pub fn stored(user: &Value, organization: &Value) -> Value {
    let cookie = json!({
        "originalMaxAge": 7_200_000, "expires": "2001-01-01T00:00:00.000Z", "secure": false, "httpOnly": true, "path": "/"
    });
    json!({ "cookie": cookie, "userId": user, "organizationId": organization })
}

/// Returns the header `cookie` of a session, signed with a secret.
pub fn session_cookie(sid: &str, secret: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = STANDARD_NO_PAD.encode(hmac::sign(&key, sid.as_bytes()));
    let value = format!("s:{sid}.{signature}");
    format!("connect.sid={}", utf8_percent_encode(&value, NON_ALPHANUMERIC))
}
