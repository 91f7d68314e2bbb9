//! `tickcast smoke-test`: a client that starts a timer and sees two ticks.

mod client;
mod service_address;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use crate::commands::Failure;
use crate::commands::smoke_test::client::TestClient;
use crate::commands::smoke_test::service_address::ServiceAddress;
use crate::commands::token_file::read_token;
use crate::ops::config::parse::duration;

/// The options of `tickcast smoke-test`.
#[derive(Args)]
pub(crate) struct SmokeTestCommand {
    /// The address of Clockit's WebSocket, such as `wss://timers.example.com/session`
    url: String,
    /// A file with the token of the user for whom the timer is started; without it, a guest
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Root certificates (PEM) to trust in addition to those of the system
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The time limit of the whole test
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    timeout: Duration,
}

/// Runs the test. It needs no configuration, because it uses the service as any client does.
pub(crate) fn run(command: &SmokeTestCommand) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::unavailable(format!("the process cannot start: {error}")))?;
    let tested = runtime.block_on(test_within(command));
    // A thread may still wait for the operating system, such as for a name.
    runtime.shutdown_background();
    tested
}

async fn test_within(command: &SmokeTestCommand) -> Result<(), Failure> {
    let address = ServiceAddress::parse(&command.url, command.ca_file.as_deref())?;
    let token = command.token_file.as_deref().map(read_token).transpose()?;
    let mut progress = "no connection was made";
    let tested = tokio::time::timeout(command.timeout, test(&address, token.as_deref(), &mut progress)).await;
    tested.unwrap_or_else(|_| {
        let timeout = command.timeout.as_secs_f64();
        Err(Failure::unavailable(format!("{address}: the test did not end within {timeout} s: {progress}")))
    })
}

/// Starts a timer, sees two ticks that are a second apart, and removes the timer.
async fn test(address: &ServiceAddress, token: Option<&str>, progress: &mut &'static str) -> Result<(), Failure> {
    let began = Instant::now();
    let mut client = TestClient::connect(address, token).await?;
    *progress = "the client's view did not arrive";
    client.next_of("ready").await?;
    println!("{address}: connected after {} ms", began.elapsed().as_millis());
    let session = format!("smoke-test-{:016x}", fastrand::u64(..));
    *progress = "the start of the timer was not acknowledged";
    client.must("session-start", json!({ "sessionId": session, "label": "smoke test" })).await?;
    *progress = "the timer runs, and two ticks did not arrive";
    let ticked = two_ticks(&mut client, &session).await;
    *progress = "the removal of the timer was not acknowledged";
    client.must("session-remove", json!({ "sessionId": session })).await?;
    client.close().await;
    let [first, second] = ticked?;
    println!("{address}: the timer showed {first} ms, and {second} ms a second later");
    Ok(())
}

async fn two_ticks(client: &mut TestClient<'_>, session: &str) -> Result<[u64; 2], Failure> {
    let first = client.next_tick(session).await?;
    let second = client.next_tick(session).await?;
    if second.checked_sub(first) == Some(1000) {
        return Ok([first, second]);
    }
    Err(Failure::data(
        Vec::new(),
        format!("consecutive ticks show {first} ms and {second} ms instead of a second more"),
    ))
}
