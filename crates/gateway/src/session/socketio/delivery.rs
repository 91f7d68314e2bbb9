//! What a connection sends to its client: what the client lacks, and answers behind it.

use net::socketio::EncodedPacket;
use wire::{Event, Fault};

use crate::session::socketio::authentication;
use crate::session::socketio::connection::SocketIoConnection;
use crate::session::socketio::handler::{Ack, Client, EventHandler};

impl SocketIoConnection {
    /// Lets a handler act, and sends what it pushed.
    pub(super) fn with_handler<R>(
        &mut self,
        index: usize,
        act: impl FnOnce(&mut dyn EventHandler, &Client<'_>) -> R,
    ) -> R {
        let client = Client { node: &self.node, outbox: &self.outbox };
        self.outbox.flush();
        let result = act(&mut *self.handlers[index], &client);
        self.update_joined();
        self.flush(self.handlers[index].dialect());
        result
    }

    /// Sends what the client lacks.
    pub(super) fn deliver(&mut self, force: bool) {
        let client = Client { node: &self.node, outbox: &self.outbox };
        self.outbox.flush();
        for handler in &mut self.handlers {
            handler.deliver(&client, force);
            self.outbox.flush();
            self.node.metrics.messages_sent(handler.dialect(), self.outbox.take_messages());
        }
    }

    /// Sends the packets that have waited for capacity, and then what the client lacks meanwhile.
    pub(super) fn continue_sending(&mut self) {
        if !self.outbox.is_empty() {
            self.deliver(false);
        }
    }

    /// Sends an answer of the connection itself, behind what the client lacks.
    pub(super) fn push(&mut self, packet: EncodedPacket) {
        self.deliver(true);
        self.outbox.push(packet);
        self.flush(self.dialect());
    }

    /// Sends the reason why a message has no effect, as an event and as the acknowledgement.
    pub(super) fn fail(&mut self, ack: Ack, fault: &Fault) {
        self.deliver(true);
        Client { node: &self.node, outbox: &self.outbox }.fail(ack, fault);
        self.flush(self.dialect());
    }

    /// Sends an event, and its payload as the acknowledgement.
    pub(super) fn answer(&mut self, ack: Ack, event: &Event) {
        self.deliver(true);
        let client = Client { node: &self.node, outbox: &self.outbox };
        client.send(event);
        client.acknowledge(ack, &event.payload);
        self.flush(self.dialect());
    }

    pub(super) fn flush(&self, dialect: &'static str) {
        self.outbox.flush();
        self.node.metrics.messages_sent(dialect, self.outbox.take_messages());
    }

    /// Returns the dialect under which the connection itself is counted: that of its first handler.
    pub(super) fn dialect(&self) -> &'static str {
        authentication::dialect(&self.handlers)
    }
}
