//! Waits for convergence, and reports what has not converged.

use std::collections::BTreeMap;
use std::time::Duration;

use harness::{Client as NewClient, http};
use tokio::time::{Instant, interval};

use crate::client::State;
use crate::focus;
use crate::library::{LibraryRoom, LibraryState};
use crate::oracle::SuspendedInvariants;
use crate::population::Population;
use crate::punch_clock;
use crate::rooms;
use crate::rooms::stored::StoredRoom;
use crate::stored_state;
use crate::studio;
use crate::target::Target;
use crate::view::View;

/// Time allowed for convergence: generous, because this is not a measurement.
pub(crate) const CONVERGENCE_TIMEOUT: Duration = Duration::from_secs(20);

/// Interval of checks.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Most differences that are reported.
const REPORTED_MAX: usize = 20;

/// The content of the store.
#[derive(Default)]
pub(crate) struct Stored {
    /// The sessions of every user.
    pub(crate) users: BTreeMap<String, View>,
    pub(crate) rooms: BTreeMap<String, StoredRoom>,
}

/// Waits until every node is ready, and every client is connected, has all replies, sees the content of the store,
/// and sees ticks. If nothing has changed, clients of a disconnected node see the stored state too.
///
/// # Errors
/// The unmet conditions after [`CONVERGENCE_TIMEOUT`].
pub(crate) async fn clients(
    target: &Target,
    clients: &Population,
    suspended: SuspendedInvariants,
) -> Result<Stored, Vec<String>> {
    let since = target.started_at.elapsed();
    let end = Instant::now() + CONVERGENCE_TIMEOUT;
    let mut poll = interval(POLL_INTERVAL);
    loop {
        poll.tick().await;
        let unmet = match tokio::task::block_in_place(|| read(target)) {
            Ok(stored) => {
                let mut unmet = unready(target).await;
                let users = clients.users.iter();
                unmet.extend(users.filter_map(|client| unmet_condition(&client.state(), &stored.users, since)));
                unmet.extend(
                    clients.library.iter().filter_map(|it| unmet_by_library(&it.state(), &stored.users, since)),
                );
                unmet.extend(unmet_in_library_rooms(&clients.library_rooms, &stored.rooms, since));
                let others = without(&stored.rooms, &clients.library_rooms);
                unmet.extend(rooms::converge::unmet_conditions(&clients.rooms, &others, suspended));
                unmet.extend(studio::converge::unmet_conditions(&clients.members, suspended));
                unmet.extend(focus::converge::unmet_conditions(&clients.learners, since, suspended));
                if unmet.is_empty() {
                    unmet.extend(punch_clock::converge::unmet_conditions(target, &clients.devices, since).await);
                }
                if unmet.is_empty() {
                    return Ok(stored);
                }
                unmet
            }
            Err(error) => vec![format!("Redis can't be read: {error:#}")],
        };
        if Instant::now() > end {
            let count = unmet.len();
            let reported = unmet.into_iter().take(REPORTED_MAX).map(|condition| format!("no agreement: {condition}"));
            return Err(reported
                .chain((count > REPORTED_MAX).then(|| format!("no agreement: {count} in all")))
                .collect());
        }
    }
}

fn read(target: &Target) -> Result<Stored, anyhow::Error> {
    Ok(Stored { users: stored_state::read(target)?, rooms: rooms::stored::read(target)? })
}

/// Connects to every node as every user, and returns the differences from the store.
pub(crate) async fn nodes(target: &Target, stored: &BTreeMap<String, View>) -> Vec<String> {
    let mut violations = Vec::new();
    for (nth, node) in target.nodes.iter().enumerate() {
        for (user, wanted) in stored {
            let mut new_client = NewClient::connect(node.public, &format!("/session?userId={user}&dialect=v1")).await;
            let mut received = View::default();
            received.apply(&new_client.next_of("ready").await);
            if received != *wanted {
                violations.push(format!(
                    "no agreement: node {nth} sends a new client of {user}: {}",
                    received.difference(wanted)
                ));
            }
        }
    }
    violations
}

/// Returns the nodes that are not ready.
async fn unready(target: &Target) -> Vec<String> {
    let mut unready = Vec::new();
    for (nth, node) in target.nodes.iter().enumerate() {
        match http::request(node.internal, "GET", "/readyz", &[], b"").await {
            Ok(response) if response.status == 200 => {}
            Ok(response) => unready.push(format!("node {nth} is not ready: {}", response.body)),
            Err(error) => unready.push(format!("node {nth} does not respond: {error}")),
        }
    }
    unready
}

/// Returns the unmet condition of a client.
fn unmet_condition(state: &State, stored: &BTreeMap<String, View>, since: Duration) -> Option<String> {
    let nothing = View::default();
    let wanted = stored.get(&state.record.user).unwrap_or(&nothing);
    let client = &state.record.client;
    if !state.ready {
        return Some(format!("{client} is not connected"));
    }
    if let Some(command) = &state.pending {
        return Some(format!("{client} has no reply to {command}"));
    }
    // A change without a visible effect, such as a goal that was added and removed, may not be sent.
    if state.view.sessions != wanted.sessions {
        return Some(format!("{client} sees {}", state.view.difference(wanted)));
    }
    let is_still = wanted.has_running() && state.ticked_at.is_none_or(|at| at < since);
    is_still.then(|| format!("{client} sees no ticks"))
}

/// Returns the unmet conditions of library clients in rooms.
fn unmet_in_library_rooms(
    clients: &[LibraryRoom],
    stored: &BTreeMap<String, StoredRoom>,
    since: Duration,
) -> Vec<String> {
    let unmet = |client: &LibraryRoom| {
        let state = client.state();
        state.unmet_condition(state.room_id().and_then(|id| stored.get(id)), since)
    };
    clients.iter().filter_map(unmet).collect()
}

/// Returns the stored rooms of other clients.
fn without(stored: &BTreeMap<String, StoredRoom>, clients: &[LibraryRoom]) -> BTreeMap<String, StoredRoom> {
    let mut others = stored.clone();
    for client in clients {
        client.state().room_id().map(|id| others.remove(id));
    }
    others
}

/// Returns the unmet condition of a library client.
fn unmet_by_library(state: &LibraryState, stored: &BTreeMap<String, View>, since: Duration) -> Option<String> {
    let client = &state.record.client;
    let wanted = stored.get(&state.record.user).map(|view| View { rev: 0, sessions: view.sessions.clone() });
    let wanted = wanted.unwrap_or_default();
    if !state.is_live {
        return Some(format!("{client} is not live"));
    }
    if let Some(command) = &state.pending {
        return Some(format!("{client} has no answer to {command}"));
    }
    if state.view != wanted {
        return Some(format!("{client} knows {}", state.view.difference(&wanted)));
    }
    let is_still = wanted.has_running() && state.displayed_at.is_none_or(|at| at < since);
    is_still.then(|| format!("{client} displays no new second"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;
    use serde_json::json;

    const NOW: Duration = Duration::from_secs(9);

    #[test]
    fn a_client_with_the_stored_state_and_ticks_has_converged() {
        assert_eq!(unmet_condition(&state(), &stored(true), NOW), None);
    }

    #[test]
    fn every_unmet_condition_is_found() {
        let check = |change: fn(&mut State), stored: BTreeMap<String, View>, what: &str| {
            let mut state = state();
            change(&mut state);
            let condition = unmet_condition(&state, &stored, NOW).unwrap();
            assert!(condition.contains(what), "{condition}");
        };
        check(|state| state.ready = false, stored(true), "not connected");
        check(|state| state.pending = Some(json!({})), stored(true), "no reply");
        check(|_| (), stored(false), "sees");
        check(|_| (), BTreeMap::new(), "instead of nothing");
        check(|state| state.ticked_at = Some(NOW - Duration::from_millis(1)), stored(true), "no ticks");
    }

    #[test]
    fn every_unmet_condition_of_a_library_client_is_found() {
        let with_a_run = stored(true);
        let check = |change: fn(&mut LibraryState), stored: BTreeMap<String, View>, what: &str| {
            let view = View { rev: 0, ..state().view };
            let record = Record::example([]);
            let mut state = LibraryState { record, view, is_live: true, pending: None, displayed_at: Some(NOW) };
            assert_eq!(unmet_by_library(&state, &with_a_run, NOW), None);
            change(&mut state);
            let condition = unmet_by_library(&state, &stored, NOW).unwrap();
            assert!(condition.contains(what), "{condition}");
        };
        check(|state| state.is_live = false, stored(true), "not live");
        check(|state| state.pending = Some(json!({})), stored(true), "no answer");
        check(|_| (), stored(false), "knows");
        check(|state| state.displayed_at = Some(NOW - Duration::from_millis(1)), stored(true), "no new second");
    }

    fn state() -> State {
        let view = stored(true).remove("u").unwrap();
        State { record: Record::example([]), view, ready: true, pending: None, ticked_at: Some(NOW) }
    }

    fn stored(running: bool) -> BTreeMap<String, View> {
        let session = json!({ "sessionId": "u-s", "running": running });
        BTreeMap::from([("u".to_owned(), View { rev: 1, sessions: BTreeMap::from([("u-s".to_owned(), session)]) })])
    }
}
