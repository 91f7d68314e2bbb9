//! Schemas of the events that clients send.

use schemars::JsonSchema;
use timers::{ResumeSecret, RoomId};

use crate::event::{AUTH, EventError, FreshToken, TokenAccepted};
use crate::going_away::{GOING_AWAY, GoingAway};
use crate::rooms::render::{Completed, CountdownTick, Joined, Left, MemberEvent, STATE};
use crate::rooms::state::TimerState;
use crate::schema::{Catalog, EventRefusal, Form, Given};

pub(crate) fn describe(catalog: &mut Catalog) {
    catalog
        .channel("rooms", Form::Event)
        .sends::<TimerState<'_>>(STATE)
        .sends::<CountdownTick<'_>>("timer:tick")
        .sends::<Completed<'_>>("timer:completed")
        .sends::<Joined<'_>>("session:joined")
        .sends::<MemberEvent<'_>>("session:user-joined")
        .sends::<MemberEvent<'_>>("session:user-left")
        .sends::<EventError<'_>>("error")
        .sends::<TokenAccepted>(AUTH)
        .sends::<GoingAway>(GOING_AWAY)
        .handles::<RoomCreation, Joined<'_>>("session:create", true)
        .handles::<RoomJoin, Joined<'_>>("session:join", false)
        .handles_bare::<Left<'_>>("session:leave")
        .handles::<CountdownStart, TimerState<'_>>("timer:start", true)
        .handles::<RoomReference, TimerState<'_>>("timer:pause", true)
        .handles::<RoomReference, TimerState<'_>>("timer:resume", true)
        .handles::<RoomReference, TimerState<'_>>("timer:reset", true)
        .handles::<CountdownAdjustment, TimerState<'_>>("timer:adjust", false)
        .handles::<FreshToken, TokenAccepted>(AUTH, false)
        .end();
    catalog.part::<EventRefusal<'_>>();
}

/// A duration in seconds; fractions round up.
#[derive(JsonSchema)]
#[schemars(transparent, inline)]
#[expect(dead_code, reason = "it describes what `seconds` reads")]
struct Seconds(#[schemars(range(max = 86_400), extend("exclusiveMinimum" = 0))] f64);

/// The name of a member; a blank one counts as absent.
#[derive(JsonSchema)]
#[schemars(transparent, inline)]
#[expect(dead_code, reason = "it describes what `name` reads")]
struct MemberName(#[schemars(regex(pattern = r"^\P{Cc}*$"))] String);

/// Creates a room and joins it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what `create` reads")]
struct RoomCreation {
    /// The duration of the countdown in seconds.
    #[schemars(default)]
    duration: Given<Seconds>,
    /// The name of the client.
    name: Option<MemberName>,
}

/// Joins a room, by its id alone or with a name.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "it describes what `join` reads")]
enum RoomJoin {
    /// The id of the room.
    Bare(RoomId),
    Fields(RoomJoinFields),
}

/// Joins a room.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `join` reads")]
struct RoomJoinFields {
    /// The id of the room.
    session_id: RoomId,
    /// The name of the client.
    name: Option<MemberName>,
    /// The secret of a membership to take over. An unknown one is ignored.
    #[schemars(with = "Option<String>")]
    resume: Option<ResumeSecret>,
}

/// Starts the countdown, from a duration alone or with more fields.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "it describes what `start` reads")]
enum CountdownStart {
    /// The duration in seconds.
    Bare(Seconds),
    Fields(CountdownStartFields),
}

/// Starts the countdown.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `start` reads")]
struct CountdownStartFields {
    /// The room that the client is in.
    session_id: Option<RoomId>,
    /// The duration in seconds; the room's if it is absent.
    #[schemars(default)]
    duration: Given<Seconds>,
}

/// Names the room, which must be the one that the client is in.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `of_room` reads")]
struct RoomReference {
    session_id: Option<RoomId>,
}

/// Moves the end of the countdown.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `adjust` reads")]
struct CountdownAdjustment {
    session_id: Option<RoomId>,
    /// The seconds by which the end moves.
    #[schemars(range(min = -3600, max = 3600))]
    seconds: f64,
}
