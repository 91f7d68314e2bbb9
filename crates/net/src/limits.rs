//! Limits on clients, and how their use is reported.

mod addresses;
mod keyed;
mod rates;
mod signals;
mod token_bucket;

pub use addresses::{AddressLimiter, AddressLimits, AddressPermit};
pub use keyed::{KeyedLimiter, KeyedPermit};
pub use rates::{AddressRateLimiter, RateLimiter};
pub(crate) use signals::signal_bucket;
pub use signals::{SIGNAL_BYTES_MAX, SIGNAL_TEXTS_MAX, SIGNALS_PER_MESSAGE, SignalTexts};
pub use token_bucket::TokenBucket;

/// Limits of one connection.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Sustained rate of messages. Every frame counts, control frames too.
    pub messages_per_second: usize,
    /// Messages admitted at once.
    pub message_burst: usize,
    /// Size of the largest message.
    pub message_bytes: usize,
    /// Messages that do not count, and are bounded by slower reading instead.
    pub signals: SignalTexts,
}

impl ConnectionLimits {
    /// Returns a full bucket for the messages of one connection.
    pub(crate) fn token_bucket(&self) -> TokenBucket {
        TokenBucket::new(self.messages_per_second, self.message_burst)
    }
}

/// A limit that this crate enforces.
///
/// Limits that close a socket are not among them: those are reported by the socket's
/// [`CloseReason`](crate::websocket::CloseReason).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetLimit {
    /// Long polls that wait on this node.
    Polls,
    /// Connections of one address.
    ConnectionsOfAddress,
    /// Size of a request head.
    HeadBytes,
    /// Size of a request body.
    BodyBytes,
    /// Bytes of large request bodies that are read at once.
    Bodies,
    /// Request bodies of one user that are read at once.
    BodiesOfUser,
    /// Request bodies of one address that are read at once.
    BodiesOfAddress,
    /// Time within which a client must send or receive something.
    Time,
}

/// Counts what this crate refuses.
pub trait NetObserver: Send + Sync + 'static {
    /// Records that a client was refused because it exceeded a limit.
    fn refused(&self, limit: NetLimit);
}
