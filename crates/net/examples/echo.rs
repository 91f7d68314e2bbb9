//! The echo server of `cargo xtask conformance`; its argument is the address to listen on.

use std::process::ExitCode;

use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    let address = std::env::args().nth(1).unwrap_or_default();
    match TcpListener::bind(&address).await {
        Ok(listener) => {
            net::conformance::echo(listener).await;
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("can't listen on {address:?}: {error}");
            ExitCode::FAILURE
        }
    }
}
