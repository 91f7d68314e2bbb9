//! The server and the credential of a command, and the failures of connections.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tickcast_client::{
    ClientOptions, CommandError, ConnectionError, ConnectionState, Credential, ErrorCode, RoomError, RoomErrorCode,
};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::commands::Failure;
use crate::commands::token_file::read_token;
use crate::ops::config::parse::duration;

/// The server that a command uses without `--url`.
const URL_VARIABLE: &str = "TICKCAST_URL";

/// The token that a command presents without `--user` and `--token-file`.
const TOKEN_VARIABLE: &str = "TICKCAST_TOKEN";

/// The address of a server with the default settings on this machine.
const DEFAULT_URL: &str = "http://localhost:4000";

/// Which server a command uses, and as whom.
#[derive(Args)]
pub(super) struct ServerArguments {
    /// The server, as http:// or https://HOST[:PORT], with a path prefix if there is one; by default `TICKCAST_URL`, or
    /// http://localhost:4000
    #[arg(long)]
    url: Option<String>,
    /// The user, without proof, for servers in development
    #[arg(long, value_name = "ID", conflicts_with = "token_file")]
    user: Option<String>,
    /// A file with the user's token; by default the token is `TICKCAST_TOKEN`
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Root certificates (PEM) to trust in addition to those of the system
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Time limit for the connection, and for the answer to a command
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    timeout: Duration,
}

impl ServerArguments {
    /// Returns the options of a client that is a person. Guests have no timers after their connection.
    pub(super) fn options_of_user(&self) -> Result<ClientOptions, Failure> {
        let credential = self.credential()?.ok_or_else(|| {
            Failure::usage(format!("the command needs a user: set --token-file or {TOKEN_VARIABLE}, or --user"))
        })?;
        Ok(self.options()?.credential(credential))
    }

    /// Returns the options of a client that can be a guest.
    pub(super) fn options_of_anyone(&self) -> Result<ClientOptions, Failure> {
        Ok(self.options()?.credential(self.credential()?.unwrap_or_default()))
    }

    /// Waits until a client knows what it displays, or until it cannot within the time limit.
    pub(super) async fn connected<S>(
        &self,
        snapshots: &mut watch::Receiver<Arc<S>>,
        progress: impl Fn(&S) -> ConnectProgress,
    ) -> Result<(), Failure> {
        let mut last_error = None;
        let connecting = async {
            loop {
                match progress(&snapshots.borrow_and_update()) {
                    ConnectProgress::Done => return Ok(()),
                    ConnectProgress::Connection(ConnectionState::Refused(refused)) => return Err(self.denied(&refused)),
                    ConnectProgress::Connection(ConnectionState::Offline { error, .. }) => {
                        if !may_pass(&error) {
                            return Err(self.unavailable(&error));
                        }
                        last_error = Some(error);
                    }
                    ConnectProgress::Connection(
                        ConnectionState::Closed | ConnectionState::Connecting | ConnectionState::Online,
                    ) => {}
                }
                if snapshots.changed().await.is_err() {
                    return Err(self.unavailable(&"the client has ended"));
                }
            }
        };
        let connected = timeout(self.timeout, connecting).await;
        connected.unwrap_or_else(|_| match last_error {
            Some(error) => Err(self.unavailable(&error)),
            None => Err(self.unavailable(&format!("no answer within {:?}", self.timeout))),
        })
    }

    /// Waits for the answer to a command.
    pub(super) async fn answered<T, E>(
        &self,
        answer: impl Future<Output = Result<T, E>>,
        failure: impl Fn(&Self, E) -> Failure,
    ) -> Result<T, Failure> {
        match timeout(self.timeout, answer).await {
            Ok(answer) => answer.map_err(|error| failure(self, error)),
            Err(_) => {
                let what = format!("no answer within {:?}; the server may have carried out the command", self.timeout);
                Err(Failure::interrupted(self.named(&what)))
            }
        }
    }

    /// Returns the failure of a command for a timer.
    pub(super) fn command_failure(&self, error: CommandError) -> Failure {
        use CommandError::{NoAnswer, OutcomeUnknown, Refused, Rejected};
        let text = self.named(&error);
        let is_unknown = matches!(error, OutcomeUnknown | Rejected { code: ErrorCode::OutcomeUnknown, .. });
        let is_of_server =
            |code: &ErrorCode| matches!(code, ErrorCode::Busy | ErrorCode::Unavailable | ErrorCode::Damaged);
        if let Refused(refused) = &error {
            self.denied(refused)
        } else if is_unknown {
            Failure::interrupted(text)
        } else if error == NoAnswer || matches!(&error, Rejected { code, .. } if is_of_server(code)) {
            Failure::unavailable(text)
        } else {
            Failure::data(Vec::new(), text)
        }
    }

    /// Returns the failure of a request about a room.
    pub(super) fn room_failure(&self, error: RoomError) -> Failure {
        let text = self.named(&error);
        let is_of_server = |code: &RoomErrorCode| matches!(code, RoomErrorCode::Unavailable | RoomErrorCode::Damaged);
        if let RoomError::Refused(refused) = &error {
            self.denied(refused)
        } else if error == RoomError::OutcomeUnknown {
            Failure::interrupted(text)
        } else if matches!(&error, RoomError::Rejected { code, .. } if is_of_server(code)) || error == RoomError::Closed
        {
            Failure::unavailable(text)
        } else {
            Failure::data(Vec::new(), text)
        }
    }

    fn options(&self) -> Result<ClientOptions, Failure> {
        let options = ClientOptions::new(&self.address()).map_err(|error| Failure::usage(error.to_string()))?;
        let Some(file) = self.ca_file.as_deref() else { return Ok(options) };
        let tls = store::tls::client_config(Some(file)).map_err(Failure::no_input)?;
        Ok(options.tls(Arc::new(tls)))
    }

    fn address(&self) -> String {
        let of_environment = || std::env::var(URL_VARIABLE).ok().filter(|url| !url.is_empty());
        self.url.clone().or_else(of_environment).unwrap_or_else(|| DEFAULT_URL.to_owned())
    }

    fn credential(&self) -> Result<Option<Credential>, Failure> {
        if let Some(user) = &self.user {
            return Ok(Some(Credential::user(user.as_str())));
        }
        if let Some(file) = self.token_file.as_deref() {
            return Ok(Some(Credential::token(read_token(file)?)));
        }
        match std::env::var(TOKEN_VARIABLE) {
            Ok(token) if token.trim().is_empty() => Ok(None),
            Ok(token) => Ok(Some(Credential::token(token.trim()))),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(Failure::usage(format!("the variable {TOKEN_VARIABLE} is not valid UTF-8")))
            }
        }
    }

    fn unavailable(&self, what: &impl ToString) -> Failure {
        Failure::unavailable(self.named(what))
    }

    fn denied(&self, refused: &impl ToString) -> Failure {
        Failure::denied(self.named(refused))
    }

    fn named(&self, what: &impl ToString) -> String {
        format!("{}: {}", self.address(), what.to_string())
    }
}

/// Tells whether another attempt may succeed soon: a node that is full or stopping can have others beside it.
fn may_pass(error: &ConnectionError) -> bool {
    if let ConnectionError::Handshake { status, .. } = error {
        return *status == 429 || *status >= 500;
    }
    !matches!(error, ConnectionError::Unreachable { .. })
}

/// How far a client is.
pub(super) enum ConnectProgress {
    Done,
    Connection(ConnectionState),
}
