//! Starts a session by a command that survives the end of this program, also while the server is away.
//!
//! `TICKCAST_URL=http://localhost:4000 cargo run --example outbox -- commands.json "Write the report"`
//!
//! Without a label it sends what earlier runs have left in the file.

use std::error::Error;

use tickcast_client::clockit::SessionStart;
use tickcast_client::{ClientOptions, ClockitClient, Credential};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("TICKCAST_URL").unwrap_or_else(|_| "http://localhost:4000".to_owned());
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("the first argument is the file")?;
    let options = ClientOptions::new(&url)?.credential(Credential::user("ada"));
    let client = ClockitClient::open_with_outbox(options, file)?;

    let mut snapshots = client.subscribe();
    let left = snapshots.borrow_and_update().pending;
    if let Some(label) = arguments.next() {
        let session = SessionStart::new(label);
        tokio::select! {
            started = client.start(&session) => println!("started {}", started?.session_id),
            // The command is sent although nobody waits for its answer any more.
            waiting = snapshots.wait_for(|snapshot| snapshot.pending > left) => {
                println!("{} commands wait", waiting?.pending);
            }
        }
    }
    snapshots.wait_for(|snapshot| snapshot.is_loaded && snapshot.pending == 0).await?;
    println!("none waits");
    client.close().await;
    Ok(())
}
