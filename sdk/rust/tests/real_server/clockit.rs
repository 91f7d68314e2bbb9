//! Clockit: devices of one user, and guests.

use std::sync::Arc;

use harness::Node;
use tickcast_client::clockit::{ChangeKind, ClockitEvent, ClockitSnapshot, Goal, SessionPhase, SessionStart};
use tickcast_client::{
    ClockitClient, CommandError, ConnectionState, Credential, ErrorCode, RefusalReason, RoomError, RoomsClient, Times,
};

use super::client::{ada, options, unix_ms, until, within};

#[tokio::test]
async fn two_clients_of_a_user_show_the_same_and_each_learns_what_the_other_does() {
    let node = Node::start().await;
    let (one, two) = (ada(node.public), ada(node.public));
    let mut there = two.subscribe();
    until("the sessions", &mut there, |snapshot| snapshot.is_loaded).await;
    let mut events = two.events();

    let start = SessionStart { comment: Some("chapter one".to_owned()), ..SessionStart::new("Write") };
    let id = within("the start", one.start(&start)).await.unwrap().session_id;
    let goal = Goal { id: "g".to_owned(), title: "Draft".to_owned(), ..Goal::default() };
    one.attach_goal(&id, &goal).await.unwrap();
    let shows = |snapshot: &Arc<ClockitSnapshot>| snapshot.session(&id).is_some_and(|session| session.elapsed_ms > 0);
    let snapshot = until("a tick", &mut there, shows).await;
    assert_eq!((snapshot.times, &snapshot.connection), (Times::Live, &ConnectionState::Online));
    let state = &snapshot.session(&id).unwrap().state;
    assert_eq!((state.comment.as_deref(), state.goals.len(), state.user_id.as_str()), (Some("chapter one"), 1, "ada"));
    let time = within("a measurement", async { snapshot.server_time.unwrap().now() }).await;
    assert!((time - unix_ms()).abs() < 1_000, "{time}");

    for done in [one.pause(&id).await, one.resume(&id).await, one.detach_goal(&id, "g").await, one.stop(&id).await] {
        assert_eq!(done.unwrap().session_id, id);
    }
    one.remove(&id).await.unwrap();
    let mut kinds = Vec::new();
    while kinds.last() != Some(&ChangeKind::Removed) {
        let Ok(ClockitEvent::Session(change)) = within("an event", events.next()).await.unwrap() else { continue };
        assert_eq!(change.session.state.session_id, id);
        kinds.push(change.kind);
    }
    use SessionPhase::{Paused, Running, Stopped};
    let phases = [Running, Paused, Running, Stopped].map(ChangeKind::Phase);
    let expected = [phases[0], ChangeKind::Content, phases[1], phases[2], ChangeKind::Content, phases[3]];
    assert_eq!(kinds, [&expected[..], &[ChangeKind::Removed]].concat());

    let missing = one.stop("nothing").await.unwrap_err();
    assert!(matches!(missing, CommandError::Rejected { code: ErrorCode::UnknownSession, .. }), "{missing:?}");
    one.close().await;
    assert_eq!(one.snapshot().connection, ConnectionState::Closed);
}

#[tokio::test]
async fn a_guest_has_timers_and_a_client_without_a_valid_token_is_refused() {
    let node = Node::start().await;
    let guest = ClockitClient::open(options(node.public));
    let id = within("the start", guest.start(&SessionStart::new("Write"))).await.unwrap().session_id;
    assert!(guest.snapshot().session(&id).unwrap().state.user_id.starts_with("guest_"));

    let stranger = ClockitClient::open(options(node.public).credential(Credential::token("no token")));
    let error = within("the refusal", stranger.stop("s")).await.unwrap_err();
    assert!(matches!(error, CommandError::Refused(ref refused) if refused.reason == RefusalReason::Unauthorized));
    let member = RoomsClient::open(options(node.public).credential(Credential::token("no token")));
    let error = within("the refusal", member.join("r", None)).await.unwrap_err();
    assert!(matches!(error, RoomError::Refused(ref refused) if refused.code == 4401), "{error:?}");
}
