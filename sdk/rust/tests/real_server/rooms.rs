//! Rooms: members of one countdown.

use std::time::Duration;

use harness::{Node, Proxy};
use tickcast_client::rooms::{CountdownCommand, NewRoom, RoomEvent, RoomsEvent};
use tickcast_client::{ConnectionState, RoomError, RoomErrorCode, RoomsClient, Times};

use super::client::{options, until, within};

#[tokio::test]
async fn members_share_a_countdown_and_return_to_it_after_a_lost_connection() {
    let node = Node::start().await;
    let proxy = Proxy::start(node.public).await;
    let (ann, ben) = (RoomsClient::open(options(node.public)), RoomsClient::open(options(proxy.port())));
    let new = NewRoom { duration: Some(Duration::from_secs(60)), name: Some("Ann".to_owned()) };
    let room = within("the room", ann.create(new)).await.unwrap();
    assert_eq!(ann.snapshot().room.as_ref().unwrap().session_id, room.session_id);
    let mut events = ann.events();
    let membership = within("the join", ben.join(&room.session_id, Some("Ben"))).await.unwrap();
    assert_eq!((membership.count, membership.name.as_str()), (2, "Ben"));

    let started = within("the start", ben.send(CountdownCommand::Start(None))).await.unwrap();
    assert!(started.is_running && ben.snapshot().room.as_ref().unwrap().state == started);
    let mut here = ann.subscribe();
    until("a second", &mut here, |snapshot| snapshot.remaining_seconds == Some(58)).await;
    let adjusted = ben.send(CountdownCommand::Adjust(-30.0)).await.unwrap();
    assert_eq!(started.ends_at.unwrap() - adjusted.ends_at.unwrap(), 30_000);
    let mut there = ben.subscribe();
    proxy.reset();
    until("the loss", &mut there, |snapshot| snapshot.connection != ConnectionState::Online).await;
    assert_eq!(ben.snapshot().times, Times::Continued);
    ben.retry_now().await;
    let back = until("the return", &mut there, |snapshot| snapshot.is_joined).await;
    assert_eq!(back.room.as_ref().unwrap().client_id, membership.client_id);
    assert!(ben.send(CountdownCommand::Pause).await.unwrap().is_paused);
    assert!(ben.send(CountdownCommand::Resume).await.unwrap().is_running);
    assert!(!ben.send(CountdownCommand::Reset).await.unwrap().is_running);
    within("the end", ben.leave()).await.unwrap();
    assert_eq!(ben.send(CountdownCommand::Pause).await.unwrap_err(), RoomError::NotJoined);
    let mut presence = Vec::new();
    while presence.len() < 2 {
        let event = within("an event", events.next()).await.unwrap().unwrap();
        if let RoomsEvent::Room(RoomEvent::MemberJoined(change)) = &event {
            presence.push(format!("+{}", change.client.name));
        } else if let RoomsEvent::Room(RoomEvent::MemberLeft(change)) = &event {
            presence.push(format!("-{}", change.client.name));
        }
    }
    assert_eq!(presence, ["+Ben", "-Ben"]);

    let missing = within("the answer", ben.join("no such room", None)).await.unwrap_err();
    assert!(matches!(missing, RoomError::Rejected { code: RoomErrorCode::SessionNotFound, .. }), "{missing:?}");
    let invalid = ann.send(CountdownCommand::Adjust(9e9)).await.unwrap_err();
    assert!(matches!(invalid, RoomError::Rejected { code: RoomErrorCode::InvalidSeconds, .. }), "{invalid:?}");
}
