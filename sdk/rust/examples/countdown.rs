//! Creates a room, runs a countdown of three seconds, and leaves.
//!
//! `TICKCAST_URL=http://localhost:4000 cargo run --example countdown`

use std::error::Error;
use std::time::Duration;

use tickcast_client::rooms::{CountdownCommand, NewRoom};
use tickcast_client::{ClientOptions, RoomsClient};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("TICKCAST_URL").unwrap_or_else(|_| "http://localhost:4000".to_owned());
    let client = RoomsClient::open(ClientOptions::new(&url)?);
    let room = client.create(NewRoom { duration: Some(Duration::from_secs(3)), name: Some("Ann".to_owned()) }).await?;
    println!("room {} has {} member", room.session_id, room.count);

    client.send(CountdownCommand::Start(None)).await?;
    let mut snapshots = client.subscribe();
    let mut shown = None;
    while snapshots.borrow_and_update().completed_at.is_none() {
        let remaining = client.snapshot().remaining_seconds;
        if shown != remaining {
            println!("{} s", remaining.unwrap_or_default());
            shown = remaining;
        }
        snapshots.changed().await?;
    }
    println!("complete");
    client.leave().await?;
    client.close().await;
    Ok(())
}
