//! Authentication of clients, and the browser origins that may use the service.
//!
//! An [`Authenticator`] turns the [`Credentials`] of a request into an [`Identity`]. It accepts user ids without proof
//! (mode `trusted`), tokens, session tokens of a next-auth server, and sessions of an express server behind a
//! [`SessionStore`]. This crate depends on no transport and on no storage.

mod authenticator;
mod credentials;
mod express_session;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod identity;
mod issuer;
mod jwe;
mod jwks;
mod keys;
mod namespaces;
mod next_auth;
mod origin;
mod origin_check;
mod profile;
mod secret;
mod session_store;
mod settings;

pub use jsonwebtoken::Algorithm;

pub use authenticator::{Authenticator, TlsClient};
pub use credentials::{BEARER_PROTOCOL, Credentials};
pub use express_session::ExpressSession;
pub use identity::{AuthMethod, Denied, Identity, Validity, ValidityEnd};
pub use keys::PublicKey;
pub use origin::OriginPattern;
pub use origin_check::{has_allowed_origin, is_allowed_origin};
pub use profile::Profile;
pub use secret::Secret;
pub use session_store::{SessionStore, SessionStoreError};
pub use settings::{
    AuthMode, AuthSettings, ExpiryPolicy, ExpressSessionSettings, IssuerSettings, JwksSettings, NextAuthSettings,
};
