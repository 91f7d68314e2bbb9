//! `tickcast watch`: a user's timers, live.

use std::collections::HashMap;

use clap::Args;
use serde_json::json;
use tickcast_client::clockit::{ChangeKind, ClockitEvent, ClockitSnapshot, Session, SessionPhase};
use tickcast_client::{ClockitClient, ConnectionState, Times};

use crate::commands::Failure;
use crate::commands::client::connection::{ConnectProgress, ServerArguments};
use crate::commands::client::display::Display;
use crate::commands::client::selection::phase_name;
use crate::commands::client::text::{clock_time, printable};
use crate::commands::interrupts::Interrupts;

/// The options of `tickcast watch`.
#[derive(Args)]
pub(crate) struct WatchCommand {
    /// Shows stopped timers too
    #[arg(long)]
    all: bool,
    /// Prints each second of each running timer, if stdout is no terminal
    #[arg(long)]
    ticks: bool,
    /// Prints a JSON object for each change
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArguments,
}

/// Shows the timers until Ctrl-C.
pub(super) async fn run(command: &WatchCommand) -> Result<(), Failure> {
    let interrupts = Interrupts::new();
    let mut interrupts =
        interrupts.map_err(|error| Failure::unavailable(format!("signals cannot be received: {error}")))?;
    let client = ClockitClient::open(command.server.options_of_user()?);
    let watched = tokio::select! {
        watched = watch(command, &client) => watched,
        () = interrupts.next() => Ok(()),
    };
    client.close().await;
    watched
}

async fn watch(command: &WatchCommand, client: &ClockitClient) -> Result<(), Failure> {
    let (mut snapshots, mut events) = (client.subscribe(), client.events());
    let connected = command.server.connected(&mut snapshots, |snapshot| {
        if snapshot.is_loaded {
            ConnectProgress::Done
        } else {
            ConnectProgress::Connection(snapshot.connection.clone())
        }
    });
    connected.await?;
    let mut view = TimersView::new(command);
    let first = client.snapshot();
    view.show_connection(&first)?;
    for session in first.sessions.iter().filter(|session| command.all || session.phase != SessionPhase::Stopped) {
        view.show_session("present", session)?;
    }
    view.show(&first)?;
    loop {
        tokio::select! {
            changed = snapshots.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                let snapshot = snapshots.borrow_and_update().clone();
                view.show_connection(&snapshot)?;
                view.show(&snapshot)?;
                if let ConnectionState::Refused(refused) = &snapshot.connection {
                    return Err(Failure::denied(refused.to_string()));
                }
            }
            Some(event) = events.next() => match event {
                Ok(ClockitEvent::Session(change)) => view.show_session(change_name(change.kind), &change.session)?,
                Ok(ClockitEvent::Server(error)) => eprintln!("{}", printable(&error.to_string())),
                Ok(_) => {}
                Err(missed) => eprintln!("{missed}"),
            },
        }
    }
}

fn change_name(kind: ChangeKind) -> &'static str {
    if let ChangeKind::Phase(phase) = kind {
        return phase_name(phase);
    }
    if kind == ChangeKind::Removed { "removed" } else { "content" }
}

/// What is shown.
struct TimersView<'c> {
    command: &'c WatchCommand,
    display: Display,
    connection: &'static str,
    /// The displayed time of each running timer.
    shown_ms: HashMap<String, i64>,
}

impl<'c> TimersView<'c> {
    fn new(command: &'c WatchCommand) -> Self {
        Self { command, display: Display::new(command.json), connection: "", shown_ms: HashMap::new() }
    }

    fn show_session(&mut self, change: &str, session: &Session) -> Result<(), Failure> {
        let time = clock_time(session.elapsed_ms);
        let label = printable(&session.state.label);
        self.display.line(&format!("{change:8} {time}  {label}"))?;
        self.display.json(&json!({
            "type": "session", "change": change, "phase": phase_name(session.phase), "elapsedMs": session.elapsed_ms,
            "session": *session.state,
        }))
    }

    /// Prints a change of the connection.
    fn show_connection(&mut self, snapshot: &ClockitSnapshot) -> Result<(), Failure> {
        let (phase, error) = connection_text(&snapshot.connection);
        if phase == std::mem::replace(&mut self.connection, phase) {
            return Ok(());
        }
        self.display.line(&error.as_ref().map_or_else(|| phase.to_owned(), |error| format!("{phase}: {error}")))?;
        self.display.json(&json!({ "type": "connection", "phase": phase, "error": error }))
    }

    fn show(&mut self, snapshot: &ClockitSnapshot) -> Result<(), Failure> {
        if self.command.ticks {
            self.show_ticks(snapshot)?;
        }
        self.display.draw(&self.picture(snapshot))
    }

    fn show_ticks(&mut self, snapshot: &ClockitSnapshot) -> Result<(), Failure> {
        let running = snapshot.sessions.iter().filter(|session| session.phase == SessionPhase::Running);
        let now: HashMap<String, i64> =
            running.clone().map(|session| (session.state.session_id.clone(), session.elapsed_ms)).collect();
        let before = std::mem::replace(&mut self.shown_ms, now);
        for session in running {
            let (id, elapsed_ms) = (session.state.session_id.as_str(), session.elapsed_ms);
            if before.get(id).is_some_and(|before| *before != elapsed_ms) {
                self.display.line(&format!(
                    "tick     {}  {}",
                    clock_time(elapsed_ms),
                    printable(&session.state.label)
                ))?;
                self.display.json(&json!({ "type": "tick", "sessionId": id, "elapsedMs": elapsed_ms }))?;
            }
        }
        Ok(())
    }

    fn picture(&self, snapshot: &ClockitSnapshot) -> Vec<String> {
        let (phase, error) = connection_text(&snapshot.connection);
        let times = match snapshot.times {
            Times::Live => "live",
            Times::Continued => "continued by this machine's clock",
            Times::LastKnown => "last known",
        };
        let error = error.map(|error| format!(": {}", printable(&error))).unwrap_or_default();
        let mut lines = vec![format!("{phase}{error} · {times}")];
        let is_shown = |session: &&Session| self.command.all || session.phase != SessionPhase::Stopped;
        lines.extend(snapshot.sessions.iter().filter(is_shown).map(|session| {
            let (time, phase) = (clock_time(session.elapsed_ms), phase_name(session.phase));
            format!("{time:>9}  {phase:7}  {}", printable(&session.state.label))
        }));
        if lines.len() == 1 {
            lines.push("no timers".to_owned());
        }
        lines
    }
}

/// Returns the word for the state of a connection, and its error.
pub(super) fn connection_text(state: &ConnectionState) -> (&'static str, Option<String>) {
    match state {
        ConnectionState::Closed => ("closed", None),
        ConnectionState::Connecting => ("connecting", None),
        ConnectionState::Online => ("online", None),
        ConnectionState::Offline { error, .. } => ("offline", Some(error.to_string())),
        ConnectionState::Refused(refused) => ("refused", Some(refused.to_string())),
    }
}
