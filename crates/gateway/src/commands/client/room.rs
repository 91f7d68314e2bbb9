//! `tickcast room`: the countdown of a room, live.

use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::json;
use tickcast_client::rooms::{CountdownCommand, CountdownPhase, NewRoom, RoomEvent, RoomsEvent, RoomsSnapshot};
use tickcast_client::{ConnectionState, RoomsClient, Times};

use crate::commands::Failure;
use crate::commands::client::connection::{ConnectProgress, ServerArguments};
use crate::commands::client::display::{Display, Form, print_line};
use crate::commands::client::text::{clock_time, printable};
use crate::commands::client::watch_timers::connection_text;
use crate::commands::interrupts::Interrupts;

/// The name of a room that is to be created.
const NEW: &str = "new";

/// The word for a countdown that has reached zero and was not started again.
const COMPLETE: &str = "complete";

/// The longest countdown: a day.
const MINUTES_MAX: f64 = 24.0 * 60.0;

/// The options of `tickcast room`.
#[derive(Args)]
pub(crate) struct RoomCommand {
    /// The id of a room, or `new` to create one
    room: String,
    /// Does this with the countdown and ends; by default the command shows the countdown until Ctrl-C
    #[arg(value_enum)]
    action: Option<RoomAction>,
    /// The duration of a new room, or of a start, in minutes
    #[arg(long, value_parser = minutes, allow_negative_numbers = true)]
    minutes: Option<Duration>,
    /// The name under which the others see the client
    #[arg(long)]
    name: Option<String>,
    /// Starts the countdown, and shows it
    #[arg(long, conflicts_with = "action")]
    start: bool,
    /// Ends when the countdown has reached zero
    #[arg(long, conflicts_with = "action")]
    until_zero: bool,
    /// Prints each second, if stdout is no terminal
    #[arg(long, conflicts_with = "action")]
    ticks: bool,
    /// Prints a JSON object for each change
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArguments,
}

/// What the command does with the countdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RoomAction {
    /// Starts the countdown
    Start,
    /// Pauses the countdown
    Pause,
    /// Resumes the countdown
    Resume,
    /// Resets the countdown to its duration
    Reset,
}

impl RoomCommand {
    fn countdown_command(&self) -> Option<CountdownCommand> {
        // The duration of a new room is that of its countdown already.
        let start = CountdownCommand::Start(self.minutes.filter(|_| self.room != NEW));
        match self.action {
            Some(RoomAction::Start) => Some(start),
            Some(RoomAction::Pause) => Some(CountdownCommand::Pause),
            Some(RoomAction::Resume) => Some(CountdownCommand::Resume),
            Some(RoomAction::Reset) => Some(CountdownCommand::Reset),
            None => self.start.then_some(start),
        }
    }
}

/// Shows or controls a countdown.
pub(super) async fn run(command: &RoomCommand) -> Result<(), Failure> {
    let starts = command.start || command.action == Some(RoomAction::Start);
    if command.minutes.is_some() && command.room != NEW && !starts {
        return Err(Failure::usage("--minutes is the duration of a new room, or of a start"));
    }
    let interrupts = Interrupts::new();
    let mut interrupts =
        interrupts.map_err(|error| Failure::unavailable(format!("signals cannot be received: {error}")))?;
    let client = RoomsClient::open(command.server.options_of_anyone()?);
    let done = tokio::select! {
        done = join(command, &client) => done,
        () = interrupts.next() => Ok(()),
    };
    // The others see at once that the client has left; without a connection its membership ends by itself.
    tokio::time::timeout(LEAVE_TIMEOUT, client.leave()).await.ok();
    client.close().await;
    done
}

/// A person who has pressed Ctrl-C waits no longer.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);

async fn join(command: &RoomCommand, client: &RoomsClient) -> Result<(), Failure> {
    let server = &command.server;
    let mut snapshots = client.subscribe();
    let connected = server.connected(&mut snapshots, |snapshot| {
        let is_online = snapshot.connection == ConnectionState::Online;
        if is_online { ConnectProgress::Done } else { ConnectProgress::Connection(snapshot.connection.clone()) }
    });
    connected.await?;
    let joining = async {
        if command.room == NEW {
            client.create(NewRoom { duration: command.minutes, name: command.name.clone() }).await
        } else {
            client.join(&command.room, command.name.as_deref()).await
        }
    };
    let room = server.answered(joining, ServerArguments::room_failure).await?;
    if command.room == NEW && Display::new(command.json).form != Form::Json {
        print_line(&format!("room {}", printable(&room.session_id)))?;
    }
    if let Some(countdown_command) = command.countdown_command() {
        server.answered(client.send(countdown_command), ServerArguments::room_failure).await?;
    }
    if command.action.is_some() {
        let mut view = RoomView::new(command);
        return view.show(&client.snapshot());
    }
    show(command, client).await
}

async fn show(command: &RoomCommand, client: &RoomsClient) -> Result<(), Failure> {
    let (mut snapshots, mut events) = (client.subscribe(), client.events());
    let mut view = RoomView::new(command);
    loop {
        let snapshot = snapshots.borrow_and_update().clone();
        view.show(&snapshot)?;
        if let Some(error) = &snapshot.join_error {
            return Err(command.server.room_failure(error.clone()));
        }
        if let ConnectionState::Refused(refused) = &snapshot.connection {
            return Err(Failure::denied(refused.to_string()));
        }
        if command.until_zero && snapshot.completed_at.is_some() {
            return Ok(());
        }
        tokio::select! {
            changed = snapshots.changed() => if changed.is_err() { return Ok(()) },
            Some(event) = events.next() => match event {
                Ok(RoomsEvent::Room(event)) => view.show_event(&event)?,
                Ok(RoomsEvent::Server(error)) => eprintln!("{}", printable(&error.to_string())),
                Ok(_) => {}
                Err(missed) => eprintln!("{missed}"),
            },
        }
    }
}

/// What is shown.
struct RoomView<'c> {
    command: &'c RoomCommand,
    display: Display,
    connection: &'static str,
    /// The line that was printed last, without the seconds unless each is printed.
    last: Option<(&'static str, Option<i64>, u64)>,
}

impl<'c> RoomView<'c> {
    fn new(command: &'c RoomCommand) -> Self {
        Self { command, display: Display::new(command.json), connection: "", last: None }
    }

    fn show(&mut self, snapshot: &RoomsSnapshot) -> Result<(), Failure> {
        self.show_connection(snapshot)?;
        let Some(room) = &snapshot.room else { return Ok(()) };
        let phase = phase_name(snapshot);
        // A countdown that is complete is ready to run its duration again.
        let remaining = if phase == COMPLETE { 0 } else { snapshot.remaining_seconds.unwrap_or_default() };
        let id = printable(&room.session_id);
        let line = format!("{phase:8} {}", clock_time(remaining.saturating_mul(1000)));
        let shown = (phase, self.command.ticks.then_some(remaining), room.state.rev);
        if self.last != Some(shown) {
            self.last = Some(shown);
            self.display.line(&line)?;
            self.display.json(&json!({
                "type": "countdown", "phase": phase, "remainingSeconds": remaining, "duration": room.state.duration,
                "room": room.session_id, "members": room.count,
            }))?;
        }
        let times = if snapshot.times == Times::Live { "" } else { " · continued by this machine's clock" };
        let members = if room.count == 1 { "member" } else { "members" };
        let (connection, _) = connection_text(&snapshot.connection);
        let head = format!("room {id} · {} {members} · {connection}{times}", room.count);
        // A command that ends at once needs no picture.
        if self.command.action.is_some() && self.display.form == Form::Live {
            return print_line(&line);
        }
        self.display.draw(&[head, line])
    }

    fn show_connection(&mut self, snapshot: &RoomsSnapshot) -> Result<(), Failure> {
        let (phase, error) = connection_text(&snapshot.connection);
        if phase == std::mem::replace(&mut self.connection, phase) || self.command.action.is_some() {
            return Ok(());
        }
        self.display.line(&error.as_ref().map_or_else(|| phase.to_owned(), |error| format!("{phase}: {error}")))?;
        self.display.json(&json!({ "type": "connection", "phase": phase, "error": error }))
    }

    /// Prints who joins and leaves; the rest is in the snapshot.
    fn show_event(&mut self, event: &RoomEvent) -> Result<(), Failure> {
        let (RoomEvent::MemberJoined(member) | RoomEvent::MemberLeft(member)) = event else { return Ok(()) };
        let change = if matches!(event, RoomEvent::MemberJoined(_)) { "joined" } else { "left" };
        self.display.line(&format!("{change:8} {}", printable(&member.client.name)))?;
        self.display.json(&json!({ "type": "member", "change": change, "member": member.client }))
    }
}

fn phase_name(snapshot: &RoomsSnapshot) -> &'static str {
    let phase = snapshot.room.as_ref().map(|room| room.state.phase());
    match phase {
        Some(CountdownPhase::Running) => "running",
        Some(CountdownPhase::Paused) => "paused",
        Some(CountdownPhase::Ready) | None if snapshot.completed_at.is_some() => COMPLETE,
        Some(CountdownPhase::Ready) | None => "ready",
    }
}

fn minutes(text: &str) -> Result<Duration, String> {
    let minutes: f64 = text.parse().map_err(|_| "it must be a number of minutes, such as 25 or 0.5".to_owned())?;
    if minutes > 0.0 && minutes <= MINUTES_MAX {
        Ok(Duration::from_secs_f64(minutes * 60.0))
    } else {
        Err(format!("it must be above 0 and at most {MINUTES_MAX}, a day"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_of_minutes_up_to_a_day() {
        assert_eq!(minutes("0.5"), Ok(Duration::from_secs(30)));
        assert_eq!(minutes("1440"), Ok(Duration::from_secs(86_400)));
        for text in ["", "0", "-1", "1441", "NaN", "inf", "25m"] {
            assert!(minutes(text).is_err(), "{text}");
        }
    }
}
