//! Which timer a command means.

use std::sync::Arc;

use tickcast_client::clockit::{Session, SessionPhase};

use crate::commands::client::session::Action;
use crate::commands::client::text::{clock_time, printable};

/// Why no timer is meant.
#[derive(Debug, PartialEq)]
pub(super) struct NotSelected {
    /// The timers that may be meant.
    pub(super) candidates: Vec<String>,
    pub(super) message: String,
}

/// Returns the timer with an id, or the one with a label that the action fits; without a name, the only one that the
/// action fits.
pub(super) fn select(sessions: &Arc<Vec<Session>>, name: Option<&str>, action: Action) -> Result<Session, NotSelected> {
    let Some(name) = name else {
        let fitting: Vec<&Session> = sessions.iter().filter(|session| action.fits(session.phase)).collect();
        return only(&fitting, &format!("no timer can be {}", action.done()), "several timers can be meant");
    };
    if let Some(session) = sessions.iter().find(|session| session.state.session_id == name) {
        return Ok(session.clone());
    }
    let named: Vec<&Session> = sessions.iter().filter(|session| session.state.label == name).collect();
    let missing = format!("there is no timer with the id or label \"{}\"", printable(name));
    let several = format!("several timers have the label \"{}\"", printable(name));
    let preferred: Vec<&Session> = named.iter().copied().filter(|session| action.prefers(session.phase)).collect();
    let fitting: Vec<&Session> = named.iter().copied().filter(|session| action.fits(session.phase)).collect();
    let candidates = [preferred, fitting, named].into_iter().find(|candidates| !candidates.is_empty());
    only(&candidates.unwrap_or_default(), &missing, &several)
}

fn only(candidates: &[&Session], missing: &str, several: &str) -> Result<Session, NotSelected> {
    match candidates {
        [] => Err(NotSelected { candidates: Vec::new(), message: missing.to_owned() }),
        [session] => Ok((*session).clone()),
        _ => {
            let candidates = candidates.iter().map(|session| describe(session)).collect();
            Err(NotSelected { candidates, message: format!("{several}: name one by its id") })
        }
    }
}

fn describe(session: &Session) -> String {
    let phase = phase_name(session.phase);
    let (id, label) = (printable(&session.state.session_id), printable(&session.state.label));
    format!("{id}  {phase}  {}  {label}", clock_time(session.elapsed_ms))
}

/// Returns the word for a phase.
pub(super) fn phase_name(phase: SessionPhase) -> &'static str {
    match phase {
        SessionPhase::Running => "running",
        SessionPhase::Paused => "paused",
        SessionPhase::Stopped => "stopped",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sessions(all: &[(&str, &str, SessionPhase)]) -> Arc<Vec<Session>> {
        let session = |(id, label, phase): &(&str, &str, SessionPhase)| {
            let state = json!({
                "sessionId": id, "label": label, "startedAt": 0, "accumulatedMs": 0, "goals": [],
                "running": *phase == SessionPhase::Running,
            });
            Session { state: serde_json::from_value(state).unwrap(), phase: *phase, elapsed_ms: 61_000 }
        };
        Arc::new(all.iter().map(session).collect())
    }

    fn id(sessions: &Arc<Vec<Session>>, name: Option<&str>, action: Action) -> Result<String, NotSelected> {
        select(sessions, name, action).map(|session| session.state.session_id.clone())
    }

    #[test]
    fn a_timer_is_named_by_its_id_or_its_label() {
        use SessionPhase::{Paused, Running, Stopped};
        let all =
            sessions(&[("a", "Write", Running), ("b", "Write", Stopped), ("c", "Read", Paused), ("d", "a", Paused)]);
        for (name, action, expected) in [
            ("b", Action::Stop, "b"),
            ("a", Action::Pause, "a"),
            ("Write", Action::Stop, "a"),
            ("Write", Action::Resume, "b"),
            ("Read", Action::Resume, "c"),
            ("Read", Action::Pause, "c"),
        ] {
            assert_eq!(id(&all, Some(name), action).unwrap(), expected, "{name} {action:?}");
        }
        assert_eq!(id(&all, None, Action::Pause).unwrap(), "a");
    }

    #[test]
    fn a_timer_that_is_missing_or_ambiguous_is_not_selected() {
        use SessionPhase::{Paused, Running};
        let all = sessions(&[("a", "Write", Running), ("b", "Write", Running), ("c", "Read", Paused)]);
        let missing = id(&all, Some("Wri\u{7}te"), Action::Stop).unwrap_err();
        assert_eq!(missing.message, "there is no timer with the id or label \"Wri\u{fffd}te\"");
        let several = id(&all, Some("Write"), Action::Stop).unwrap_err();
        assert_eq!(several.candidates, ["a  running  0:01:01  Write", "b  running  0:01:01  Write"]);
        assert_eq!(several.message, "several timers have the label \"Write\": name one by its id");
        assert_eq!(id(&all, None, Action::Stop).unwrap_err().candidates.len(), 3);
        assert_eq!(id(&sessions(&[]), None, Action::Pause).unwrap_err().message, "no timer can be paused");
    }
}
