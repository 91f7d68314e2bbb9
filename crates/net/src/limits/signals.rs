//! Messages that a client may send without a limit: which they are, and how fast they are read.

use crate::limits::ConnectionLimits;
use crate::limits::token_bucket::TokenBucket;

/// Signals that cost as much as one message: a signal is compared with a few short texts, while a message is parsed,
/// executed and answered.
pub const SIGNALS_PER_MESSAGE: usize = 10;

/// Most spellings of the signals of a system, so that a set of them is one machine word.
pub const SIGNAL_TEXTS_MAX: usize = 32;

/// Longest text of a signal.
pub const SIGNAL_BYTES_MAX: usize = 128;

/// The texts of messages that say nothing but that they were sent, such as one for each mouse move. A system lists all
/// spellings that its clients use; any other spelling is an ordinary message.
///
/// Signals do not count towards [`ConnectionLimits::messages_per_second`]. A client that sends more than
/// [`SIGNALS_PER_MESSAGE`] times as many is read more slowly, and is not closed: the messages between them are neither
/// lost nor refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalTexts(&'static [&'static str]);

impl SignalTexts {
    /// A system without signals.
    pub const NONE: Self = Self(&[]);

    /// Lists the texts.
    ///
    /// # Panics
    /// If there are more than [`SIGNAL_TEXTS_MAX`], or one is empty or longer than [`SIGNAL_BYTES_MAX`]. In a constant
    /// that is an error of the build.
    pub const fn new(texts: &'static [&'static str]) -> Self {
        assert!(texts.len() <= SIGNAL_TEXTS_MAX, "there are too many texts of signals");
        let mut nth = 0;
        while nth < texts.len() {
            assert!(!texts[nth].is_empty() && texts[nth].len() <= SIGNAL_BYTES_MAX, "the text of a signal is short");
            nth += 1;
        }
        Self(texts)
    }

    /// Tells whether a message is a signal.
    pub fn contains(self, text: &str) -> bool {
        self.0.contains(&text)
    }

    pub(crate) fn as_slice(self) -> &'static [&'static str] {
        self.0
    }
}

/// Returns a full bucket for the signals of one connection.
pub(crate) fn signal_bucket(limits: &ConnectionLimits) -> TokenBucket {
    let signals = |messages: usize| messages.saturating_mul(SIGNALS_PER_MESSAGE);
    TokenBucket::new(signals(limits.messages_per_second), signals(limits.message_burst))
}
