//! Sends back what it is sent, at the address that it is given, for `cargo xtask conformance`.

use std::process::ExitCode;

use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    let address = std::env::args().nth(1).unwrap_or_default();
    match TcpListener::bind(&address).await {
        Ok(listener) => {
            gateway::echo(listener).await;
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{address:?} can't be listened at: {error}");
            ExitCode::FAILURE
        }
    }
}
