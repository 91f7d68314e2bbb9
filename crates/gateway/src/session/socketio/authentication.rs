//! The authentication of a Socket.IO client: on admission to the namespace, while it is connected, and when it expires.

use std::future::pending;
use std::sync::Arc;
use std::time::Instant;

use access::{AuthMethod, Credentials, Denied, Identity};
use axum::http::request::Parts;
use engine::TraceParent;
use net::socketio::packet;
use net::websocket::CloseReason;
use serde::Deserialize;
use tracing::Span;
use wire::{Event, Token};

use crate::http::http_telemetry::traceparent;
use crate::node::Node;
use crate::ops::metrics::{ConnectionGauge, Refusal};
use crate::ops::telemetry::traces::{self, TraceOrigin};
use crate::session::fault::denied_fault;
use crate::session::request_task::RequestTask;
use crate::session::socketio::connection::{SocketIoConnection, SocketIoOutcome, SocketIoRequest};
use crate::session::socketio::handler::{Ack, EventHandler};
use crate::systems::{self, System};

/// The identity of a client, and the systems that accept it.
pub(super) type Authentication = Result<(Identity, Vec<System>), Denied>;

/// What the request that opened the session tells of the client.
pub(super) struct ConnectRequest {
    credentials: Result<Credentials, Denied>,
    traceparent: Option<TraceParent>,
}

/// The payload of a request for admission.
#[derive(Default, Deserialize)]
struct AdmissionPayload {
    token: Option<String>,
}

impl ConnectRequest {
    pub(super) fn of(head: &Parts) -> Self {
        Self { credentials: Credentials::of(&head.uri, &head.headers), traceparent: traceparent(&head.headers) }
    }
}

/// Authenticates a client for each of the systems. The tokens of an issuer and those of a next-auth server, and no other
/// credentials, can be limited to some of them. A system that they do not log in, or log in as another client, does not
/// accept the connection.
async fn authenticate(
    node: &Node,
    systems: &[System],
    credentials: Result<Credentials, Denied>,
    guests: bool,
) -> Authentication {
    let credentials = credentials?;
    let mut result: Authentication = Err(Denied::Rejected("no system takes events".to_owned()));
    for system in systems {
        if let Ok((identity, accepted)) = &mut result
            && !matches!(identity.method, AuthMethod::Token | AuthMethod::NextAuth)
        {
            accepted.push(*system);
            continue;
        }
        let authenticated = node.auth.authenticate_or_guest(&credentials, system.name(), guests).await;
        match (&mut result, authenticated) {
            (Ok((identity, accepted)), Ok(same)) if identity.is_same_client(&same) => accepted.push(*system),
            (Err(_), Ok(identity)) => result = Ok((identity, vec![*system])),
            (Err(_), Err(denied)) => result = Err(denied),
            (Ok(_), Ok(_) | Err(_)) => {}
        }
    }
    let (identity, accepted) = result?;
    if accepted.iter().any(|system| system.accepts(&identity)) {
        Ok((identity, accepted))
    } else {
        Err(Denied::Rejected("the credentials name no organisation".to_owned()))
    }
}

/// Returns the dialect under which a connection is counted: that of its first handler.
pub(super) fn dialect(handlers: &[Box<dyn EventHandler>]) -> &'static str {
    handlers.first().map_or("", |handler| handler.dialect())
}

impl SocketIoConnection {
    /// Begins to authenticate a client that asks for admission.
    pub(super) fn authenticate(&mut self, payload: Option<&str>) {
        // A payload other than an object with a token counts as absent.
        let payload: AdmissionPayload =
            payload.and_then(|payload| serde_json::from_str(payload).ok()).unwrap_or_default();
        let ConnectRequest { credentials, traceparent } = &*self.request;
        let credentials = credentials.clone().map(|credentials| credentials.with_token(payload.token));
        let span = self.node.traces.connect(traceparent.as_ref(), self.dialect());
        self.spawn_authentication(SocketIoRequest::Admission, span, credentials, self.node.settings.socketio_anonymous);
    }

    /// Begins to authenticate a client by a fresh token.
    pub(super) fn refresh(&mut self, ack: Ack, Token(token): Token, traceparent: Option<&str>) {
        let origin = TraceOrigin { parent: traceparent, connect: self.origin.as_deref() };
        let subscription = self.handlers.iter().find_map(|handler| handler.subscription());
        let span = self.node.traces.message(origin, subscription, self.dialect(), wire::AUTH);
        let credentials = Credentials::default().with_token(Some(token));
        self.spawn_authentication(SocketIoRequest::Refresh(ack), span, Ok(credentials), false);
    }

    fn spawn_authentication(
        &mut self,
        request: SocketIoRequest,
        span: Span,
        credentials: Result<Credentials, Denied>,
        guests: bool,
    ) {
        let node = Arc::clone(&self.node);
        let systems: Vec<System> = self.handlers.iter().map(|handler| handler.system()).collect();
        let task =
            async move { SocketIoOutcome::Authenticated(authenticate(&node, &systems, credentials, guests).await) };
        self.in_flight = Some(Box::new(RequestTask::spawn(request, span, task)));
    }

    /// Admits a client to the namespace, or refuses it.
    pub(super) fn admit(&mut self, result: Authentication, span: &Span) -> Result<(), CloseReason> {
        let (identity, systems) = match result {
            Ok(authenticated) => authenticated,
            Err(denied) => {
                self.node.record_auth_failure(&denied);
                if let Denied::Unavailable(_) = denied {
                    return Err(CloseReason::overloaded());
                }
                // The wording of the original server, where its logins or their stand-ins in development are accepted.
                let auth = &self.node.auth;
                let has_sessions = auth.accepts_sessions() || auth.accepts_test_headers();
                let message = if has_sessions { "Unauthorized: No valid session" } else { "Unauthorized" };
                self.push(packet::connect_error(None, message));
                return Ok(());
            }
        };
        if !self.guard.reassign(&identity) {
            self.node.metrics.refused(Refusal::ConnectionsOfUser);
            self.push(packet::connect_error(None, "Too many connections"));
            return Ok(());
        }
        self.retain_handlers(&systems);
        self.gauge = Some(ConnectionGauge::new(&self.node.metrics, self.dialect(), identity.method));
        self.origin = span.in_scope(traces::current).map(Box::new);
        self.unauthenticated_since = None;
        self.admitted_since = Some(Instant::now());
        self.adopt(identity);
        self.log("a client has connected");
        Ok(())
    }

    /// Keeps the handlers of the systems that accept the client's identity.
    fn retain_handlers(&mut self, systems: &[System]) {
        let is_refused = |handler: &mut Box<dyn EventHandler>| !systems.contains(&handler.system());
        for mut refused in self.handlers.extract_if(.., is_refused) {
            refused.leave(&self.node);
        }
        self.update_joined();
    }

    /// Gives the connection an identity, and tells the handlers.
    fn adopt(&mut self, identity: Identity) {
        self.validity = Box::pin(self.node.auth.validity_end(&identity));
        for index in 0..self.handlers.len() {
            self.with_handler(index, |handler, client| handler.admitted(client, &identity));
        }
        // Only handlers can need the profile.
        self.identity = Some(Box::new(Identity { profile: None, ..identity }));
    }

    /// Lets a client leave the namespace. It is unauthenticated until it asks for admission again, to all systems.
    pub(super) fn leave_namespace(&mut self) {
        self.log("a client has left the namespace");
        let node = Arc::clone(&self.node);
        self.handlers.iter_mut().for_each(|handler| handler.leave(&node));
        self.handlers = systems::event_handlers(&node, &self.outbox);
        (self.unauthenticated_since, self.admitted_since, self.refreshed) = (Some(Instant::now()), None, None);
        self.validity = Box::pin(pending());
        self.gauge = None;
        self.identity = None;
        self.update_joined();
    }

    /// Takes a fresh token of the same user. A rejected one changes nothing. One of another user, or of another organisation
    /// of the user, closes the connection: otherwise the client would act in the other's name.
    pub(super) fn refreshed(&mut self, ack: Ack, result: Authentication) -> Result<(), CloseReason> {
        let (identity, systems) = match result {
            Ok(authenticated) => authenticated,
            Err(denied) => {
                self.node.record_auth_failure(&denied);
                self.fail(ack, &denied_fault(&denied));
                return Ok(());
            }
        };
        // A guest can become a user.
        let known = self.identity.as_ref().filter(|known| known.method != AuthMethod::Guest);
        if known.is_some_and(|known| !known.is_same_client(&identity)) {
            return Err(self.dismiss(CloseReason::Forbidden));
        }
        if !self.guard.reassign(&identity) {
            self.node.metrics.refused(Refusal::ConnectionsOfUser);
            return Err(CloseReason::TooManyConnections);
        }
        self.retain_handlers(&systems);
        if let Some(gauge) = &mut self.gauge {
            gauge.set_method(identity.method);
        }
        let answer = Event::authenticated(identity.expires_at());
        (self.admitted_since, self.refreshed) = (Some(Instant::now()), Some(Box::new((ack, answer))));
        self.adopt(identity);
        self.log("a client has presented a fresh token");
        Ok(())
    }

    /// Logs an event of the client, if it is admitted. Ids of people are logged at level debug only.
    pub(super) fn log(&self, message: &'static str) {
        if let Some(identity) = &self.identity {
            let organization = identity.organization.as_ref().map(tracing::field::display);
            tracing::debug!(user = %identity.user, organization, "{message}");
        }
    }

    /// Tells a client that it is disconnected and must not reconnect by itself.
    pub(super) fn dismiss(&mut self, reason: CloseReason) -> CloseReason {
        let may_return = matches!(reason, CloseReason::Overloaded(_));
        if self.unauthenticated_since.is_none() && !may_return {
            self.deliver(true);
            self.outbox.send_last(&packet::disconnect());
            self.flush(self.dialect());
        }
        // The client does not return, so its fellow members need not wait for it.
        if reason == CloseReason::Forbidden {
            let node = Arc::clone(&self.node);
            self.handlers.iter_mut().for_each(|handler| handler.leave(&node));
        }
        reason
    }
}
