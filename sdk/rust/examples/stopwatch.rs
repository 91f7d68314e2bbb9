//! Starts a session, prints its first seconds and its changes, and stops it.
//!
//! `TICKCAST_URL=http://localhost:4000 cargo run --example stopwatch`

use std::error::Error;

use tickcast_client::clockit::{ClockitEvent, SessionStart};
use tickcast_client::{ClientOptions, ClockitClient, Credential};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("TICKCAST_URL").unwrap_or_else(|_| "http://localhost:4000".to_owned());
    let client = ClockitClient::open(ClientOptions::new(&url)?.credential(Credential::user("ada")));

    // Changes are notified once the sessions are known.
    client.subscribe().wait_for(|snapshot| snapshot.is_loaded).await?;
    let mut events = client.events();
    let printing = tokio::spawn(async move {
        while let Some(Ok(event)) = events.next().await {
            if let ClockitEvent::Session(change) = event {
                println!("{:?}: {}", change.kind, change.session.state.label);
            }
        }
    });

    let started = client.start(&SessionStart::new("Write the report")).await?;
    let mut snapshots = client.subscribe();
    for seconds in 1..=2 {
        let shows = snapshots.wait_for(|snapshot| {
            snapshot.session(&started.session_id).is_some_and(|session| session.elapsed_ms >= seconds * 1_000)
        });
        shows.await?;
        println!("{seconds} s");
    }
    client.stop(&started.session_id).await?;
    client.close().await;
    printing.await?;
    Ok(())
}
