//! What a dialect provides: how clients' messages are read, and how boards and beats are rendered for them.

use timers::{Beat, Board, Command, CommandId, Revision, Scope, Timestamp};

use crate::fault::{Code, Fault};
use crate::message::{ClientMessage, MessageId, Rejected};

/// The protocol between one system and its clients. A dialect has no state: every message that it sends follows from
/// boards, beats and requests.
pub trait Dialect: Send + Sync + 'static {
    /// The dialect's name in metrics and traces: `<system>`, or `<system>.<version>`.
    const NAME: &'static str;
    /// The client that a greeting is rendered for; `()` if all clients of a scope receive the same.
    type Client: ?Sized;
    /// One message as a client sends it.
    type Incoming<'i>;
    /// The request to the system in a client's message.
    type Request;
    /// One message to the clients of a scope.
    type Message<'m>;
    /// One message to one client.
    type Answer;

    /// Reads a client's message.
    ///
    /// # Errors
    /// The fault to answer with, and the message's id if that could be read.
    fn parse(incoming: Self::Incoming<'_>) -> Result<ClientMessage<Self::Request>, Rejected>;

    /// Renders the messages to a client that has just subscribed.
    fn greet(board: &Board, client: &Self::Client, now: Timestamp, send: impl FnMut(Self::Message<'_>));

    /// Renders the change from a board that clients have seen to a newer one; nothing if it does not concern them. Several
    /// commits can lie between the two, so an item that is gone does not tell why.
    fn diff(old: &Board, new: &Board, now: Timestamp, send: impl FnMut(Self::Message<'_>));

    /// Renders the newer board for clients that have seen the older one and have missed changes in between.
    fn resync(old: &Board, new: &Board, now: Timestamp, send: impl FnMut(Self::Message<'_>)) {
        Self::diff(old, new, now, send);
    }

    /// Renders the ticks of a beat; nothing if nothing runs. Returns whether the ticks of the next beat are the same
    /// bytes with 1000 added to each counter of [`Text::counters`].
    fn ticks(board: &Board, beat: Beat, send: impl FnMut(Self::Message<'_>)) -> bool;

    /// Renders the reason why a client's message has no effect.
    fn error(id: Option<&MessageId>, fault: &Fault) -> Self::Answer;

    /// Renders that a token was accepted, and when it expires if that is known.
    fn authenticated(id: Option<&MessageId>, expires_at: Option<Timestamp>) -> Self::Answer;

    /// Returns the name of an error code in this dialect. Part of the protocol.
    fn code_name(code: Code) -> &'static str {
        code.name()
    }
}

/// A dialect of JSON texts over a WebSocket of its own.
pub trait TextDialect:
    for<'i> Dialect<
        Client = (),
        Incoming<'i> = &'i str,
        Request: Into<Command> + Clone + Send + Sync,
        Message<'i> = Text<'i>,
        Answer = String,
    >
{
    /// Renders the acknowledgement of a request that was carried out, or that found nothing to do.
    fn ack(id: &MessageId, done: Done<'_, Self::Request>) -> String;
}

/// One JSON text to clients.
#[derive(Clone, Copy, Debug)]
pub struct Text<'m> {
    /// The text.
    pub json: &'m str,
    /// Where counts of milliseconds end in it, for [`Dialect::ticks`].
    pub counters: &'m [usize],
}

impl<'m> Text<'m> {
    pub(crate) fn new(json: &'m str) -> Self {
        Self { json, counters: &[] }
    }
}

/// A request that was carried out.
#[derive(Clone, Copy, Debug)]
pub struct Done<'d, R> {
    /// The scope of the board.
    pub scope: &'d Scope,
    /// The request.
    pub request: &'d R,
    /// The id of its command.
    pub id: CommandId,
    /// The revision that it made, or found.
    pub revision: Revision,
}
