//! The answers to requests that have ended.

use access::{Denied, Identity};
use bytes::Bytes;
use engine::{ExecuteError, Outcome};
use net::websocket::{Disconnected, frame};
use timers::focus::FocusId;
use wire::focus::{failed, started, tab_switch_counted};
use wire::{Fault, MessageId};

use crate::session::fault::{denied_fault, fault};
use crate::session::request_task::EndedRequest;
use crate::systems::focus::connection::{FocusConnection, TrackingOutcome, TrackingRequest};
use crate::systems::focus::tracking::Tracked;
use crate::systems::focus::view::FocusView;

impl FocusConnection {
    /// Returns the answer to a request that has ended. Its change is delivered before.
    pub(super) fn answer(
        &mut self,
        ended: EndedRequest<TrackingRequest, TrackingOutcome>,
    ) -> Result<Option<Bytes>, Disconnected> {
        let EndedRequest { request, result, span: _span } = ended;
        self.link.heard();
        let answer = match (request, result) {
            (TrackingRequest::Start { id, session }, result) => {
                let result = if let Ok(TrackingOutcome::Started(result)) = result { result } else { Err(unknown()) };
                Some(self.started(id.as_ref(), session, result))
            }
            (TrackingRequest::SwitchTab { id }, Ok(TrackingOutcome::Done(Ok(_)))) => {
                Some(tab_switch_counted(id.as_ref()))
            }
            // The end itself is told with the change of the board.
            (TrackingRequest::Stop { .. }, Ok(TrackingOutcome::Done(Ok(_)))) => None,
            (
                TrackingRequest::SwitchTab { id } | TrackingRequest::Stop { id },
                Ok(TrackingOutcome::Done(Err(fault))),
            ) => Some(failed(id.as_ref(), &fault)),
            (TrackingRequest::Rejoin, result) => {
                self.rejoined(result.ok());
                None
            }
            (TrackingRequest::Authenticate { id }, Ok(TrackingOutcome::Authenticated(result))) => {
                Some(self.refresh(id.as_ref(), result)?)
            }
            (
                TrackingRequest::SwitchTab { id } | TrackingRequest::Stop { id } | TrackingRequest::Authenticate { id },
                _,
            ) => Some(failed(id.as_ref(), &unknown())),
        };
        Ok(answer.map(|answer| frame::text(&answer)))
    }

    /// Returns the answer to a start.
    fn started(
        &mut self,
        id: Option<&MessageId>,
        session: FocusId,
        result: Result<(Tracked, Outcome), Fault>,
    ) -> String {
        match result {
            Ok((tracked, outcome)) => {
                if self.tracked.as_ref().is_some_and(|left| left.session != session) {
                    // It is stored with the session that it belongs to.
                    self.activity.take();
                }
                self.tracked = Some(tracked);
                self.check_lease();
                self.starting = Some((session, outcome.revision));
                started(id, session)
            }
            Err(fault) => {
                self.link.with_view(FocusView::cancel);
                failed(id, &fault)
            }
        }
    }

    /// Takes a fresh token of the same user. A rejected one changes nothing. One of another user closes the connection.
    fn refresh(&mut self, id: Option<&MessageId>, result: Result<Identity, Denied>) -> Result<String, Disconnected> {
        match result {
            Ok(identity) => {
                self.link.refresh(&identity)?;
                Ok(wire::focus::authenticated(id, identity.expires_at()))
            }
            Err(denied) => {
                self.sessions.node.record_auth_failure(&denied);
                Ok(failed(id, &denied_fault(&denied)))
            }
        }
    }
}

fn unknown() -> Fault {
    fault(&ExecuteError::OutcomeUnknown, false)
}
