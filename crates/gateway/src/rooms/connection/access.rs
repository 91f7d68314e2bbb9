//! Who a client is: when it comes in, while it is there, and when that is believed no more.

use std::future::pending;
use std::sync::Arc;
use std::time::Instant;

use serde::Deserialize;
use tracing::Span;
use wire::rooms::{Code, Fault};

use crate::auth::{By, Claimed, Denied, Identity};
use crate::config::System;
use crate::http::watched::traceparent;
use crate::metrics::{Dialect, Present, Refusal};
use crate::rooms::connection::{Connection, Last};
use crate::rooms::errand::{Ack, Done};
use crate::rooms::{secret, shown};
use crate::socketio;
use crate::telemetry::traces;
use crate::under_way::UnderWay;
use crate::ws::Closing;

/// What a client may say when it comes in.
#[derive(Default, Deserialize)]
struct Credentials {
    token: Option<String>,
}

impl Connection {
    /// Begins to find out who a client is that comes in.
    pub(super) fn identify(&mut self, credentials: Option<&str>) {
        let request = self.socket.request();
        // What is no object with a token says nothing of who it is.
        let given: Credentials =
            credentials.and_then(|credentials| serde_json::from_str(credentials).ok()).unwrap_or_default();
        let node = Arc::clone(&self.node);
        let claimed = Claimed::of(&request.uri, &request.headers).map(|claimed| claimed.with_token(given.token));
        let span = node.traces.connect(traceparent(&request.headers).as_ref(), Dialect::Rooms.name());
        let errand = async move {
            Done::Identified(match claimed {
                Ok(claimed) => node.auth.identify_or(&claimed, System::Rooms, node.settings.socketio_anonymous).await,
                Err(denied) => Err(denied),
            })
        };
        self.under_way = Some(Box::new(UnderWay::begin(None, span, errand)));
    }

    pub(super) fn let_in(&mut self, found: Result<Identity, Denied>, span: &Span) -> Result<(), Closing> {
        let identity = match found {
            Ok(identity) => identity,
            Err(denied) => {
                self.node.note_denied(&denied);
                if let Denied::Unavailable(_) = denied {
                    return Err(Closing::overloaded());
                }
                // As the original says it where a session of a web server is what is asked for.
                let by_session = self.node.settings.auth.express_session.is_some();
                let told = if by_session { "Unauthorized: No valid session" } else { "Unauthorized" };
                self.say(socketio::refused(None, told));
                return Ok(());
            }
        };
        if !self.seat.pass_to(&identity.user) {
            self.node.metrics.refused(Refusal::ConnectionsOfUser);
            self.say(socketio::refused(None, "Too many connections"));
            return Ok(());
        }
        self.end = Box::pin(self.node.auth.end(&identity));
        self.present = Some(Present::new(&self.node.metrics, Dialect::Rooms, identity.by));
        self.origin = span.in_scope(traces::here).map(Box::new);
        self.user = (identity.by != By::Guest).then_some(identity.user);
        self.outside_since = None;
        self.say(socketio::connected(&secret::id()));
        Ok(())
    }

    /// Has somebody who went be nobody until they come in again.
    pub(super) fn is_nobody(&mut self) {
        self.outside_since = Some(Instant::now());
        self.end = Box::pin(pending());
        self.present = None;
        self.user = None;
        self.seat.is_in(None);
    }

    /// Takes a fresh token of the same person. One that is not believed changes nothing; another person's ends the
    /// connection, or one would act in the other's name.
    pub(super) fn go_on_as(&mut self, ack: Ack, found: Result<Identity, Denied>) -> Result<(), Closing> {
        match found {
            // A guest may become somebody.
            Ok(identity) if self.user.is_none() && !self.seat.pass_to(&identity.user) => {
                self.node.metrics.refused(Refusal::ConnectionsOfUser);
                return Err(Closing::TooManyConnections);
            }
            Ok(identity) if self.user.as_ref().is_none_or(|user| *user == identity.user) => {
                self.end = Box::pin(self.node.auth.end(&identity));
                let told = wire::rooms::authenticated(identity.ends_at());
                if let Some(present) = &mut self.present {
                    present.is_by(identity.by);
                }
                self.user = Some(identity.user);
                let answer = ack.map(|ack| socketio::ack(ack, &told.payload));
                self.show(Last::Packets([shown::packet(&told)].into_iter().chain(answer).collect()));
            }
            Ok(_) => return Err(self.send_away(Closing::Forbidden)),
            Err(denied) => {
                self.node.note_denied(&denied);
                let (code, message) = match denied {
                    Denied::NotBelieved(_) => (Code::Unauthorized, "the token is not believed"),
                    Denied::Unavailable(_) => (Code::Unavailable, "it can't be told now whether the token is good"),
                };
                self.fail(ack, &Fault::new(code, message));
            }
        }
        Ok(())
    }

    /// Tells a client to go and not to come again by itself.
    pub(super) fn send_away(&mut self, closing: Closing) -> Closing {
        let comes_again = matches!(closing, Closing::Overloaded(_));
        if self.outside_since.is_none() && !comes_again {
            self.say(socketio::disconnected());
        }
        // It does not come back, so the others need not wait for it.
        if closing == Closing::Forbidden
            && let Some(here) = self.membership.take()
        {
            here.leave(&self.node);
        }
        closing
    }
}
