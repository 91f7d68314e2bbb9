//! Several nodes over one store, with a network that delays, loses, repeats and reorders messages, nodes that die, and
//! a store that can lose its last seconds. Time is virtual, and a seed determines a run.
//!
//! `SIMULATION_SEED=n` repeats the run of a seed, which a failure prints; `SIMULATION_RUNS=n` sets the number of seeds.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue fails")]

mod simulation {
    pub(crate) mod clockit;
    pub(crate) mod cluster;
    pub(crate) mod journal;
    pub(crate) mod network;
    pub(crate) mod punch_clock;
    pub(crate) mod rooms;
    pub(crate) mod studio;
}

use std::future::Future;
use std::time::Duration;

use simulation::clockit::Clockit;
use simulation::network::Faults;
use simulation::punch_clock::{PunchClock, PunchCoverage};
use simulation::rooms::{Coverage, Rooms};
use simulation::studio::Studio;

/// Seeds of each test of Clockit. A run takes some thirty virtual seconds, and some 130 real milliseconds.
const CLOCKIT_RUNS: u64 = 20;

/// Seeds of the test of Studio. A run takes some thirty virtual seconds.
const STUDIO_RUNS: u64 = 8;

/// Seeds of each test of Punch clock. A run takes some thirty virtual seconds.
const PUNCH_CLOCK_RUNS: u64 = 8;

/// Seeds of each test of Rooms. A run takes 60 to 90 virtual seconds, and some 50 to 100 real milliseconds.
const ROOMS_RUNS: u64 = 10;

#[test]
fn clients_end_equal_to_the_store_whatever_the_network_does() {
    each_seed(CLOCKIT_RUNS, |seed| async move {
        let mut clockit = Clockit::new(seed, Faults::all());
        clockit.live(Duration::from_secs(20)).await;
        clockit.heal().await;
        clockit.clients_equal_the_store();
        clockit.what_was_acknowledged_is_there();
    });
}

#[test]
fn clients_end_equal_to_a_store_that_lost_its_last_seconds() {
    each_seed(CLOCKIT_RUNS, |seed| async move {
        let mut clockit = Clockit::new(seed, Faults { rollbacks: true, ..Faults::all() });
        clockit.live(Duration::from_secs(20)).await;
        clockit.heal().await;
        clockit.clients_equal_the_store();
    });
}

#[test]
fn no_second_is_missing_or_doubled_while_nodes_die() {
    each_seed(CLOCKIT_RUNS, |seed| async move {
        let mut clockit = Clockit::new(seed, Faults { node_deaths: true, ..Faults::none() });
        clockit.live(Duration::from_secs(20)).await;
        clockit.heal().await;
        clockit.clients_equal_the_store();
        clockit.every_second_was_shown_once();
    });
}

#[test]
fn no_second_is_missing_or_doubled_while_the_clock_of_the_store_is_moved() {
    each_seed(CLOCKIT_RUNS, |seed| async move {
        let mut clockit = Clockit::new(seed, Faults { clock_steps: true, ..Faults::none() });
        clockit.live(Duration::from_secs(20)).await;
        clockit.heal().await;
        clockit.clients_equal_the_store();
        clockit.what_was_acknowledged_is_there();
        clockit.every_second_was_shown_once();
    });
}

#[test]
fn members_are_told_each_event_once_whatever_the_network_does() {
    let runs = each_seed(STUDIO_RUNS, |seed| async move {
        let mut studio = Studio::new(seed, Faults::all());
        studio.live(Duration::from_secs(20)).await;
        studio.heal().await;
        studio.entries_are_those_that_were_acknowledged().await;
        studio.each_event_was_told_once()
    });
    let (events, resyncs) = runs.iter().fold((0, 0), |total, run| (total.0 + run.0, total.1 + run.1));
    assert!(events > 100 && (runs.len() == 1 || resyncs > 0), "the runs exercise too little: {events}, {resyncs}");
}

#[test]
fn no_punch_is_lost_or_comes_back_whatever_the_network_does() {
    let runs = each_seed(PUNCH_CLOCK_RUNS, |seed| async move {
        let mut punch_clock = PunchClock::new(seed, Faults::all());
        punch_clock.live(Duration::from_secs(20)).await;
        punch_clock.heal().await;
        punch_clock.clients_equal_the_store();
        punch_clock.punches_are_those_that_were_acknowledged().await
    });
    check_punches(&runs);
}

#[test]
fn live_seconds_are_neither_missing_nor_doubled_while_nodes_die_at_midnight() {
    let runs = each_seed(PUNCH_CLOCK_RUNS, |seed| async move {
        let mut punch_clock = PunchClock::new(seed, Faults { node_deaths: true, ..Faults::none() });
        punch_clock.live(Duration::from_secs(20)).await;
        punch_clock.heal().await;
        punch_clock.clients_equal_the_store();
        let seconds = punch_clock.every_second_was_shown_once();
        (punch_clock.punches_are_those_that_were_acknowledged().await, seconds)
    });
    let (runs, seconds): (Vec<PunchCoverage>, Vec<usize>) = runs.into_iter().unzip();
    check_punches(&runs);
    assert!(seconds.iter().sum::<usize>() > 10 * seconds.len() || seconds.len() == 1, "too few: {seconds:?}");
}

#[test]
fn each_join_leave_and_zero_is_told_once_while_nodes_die() {
    let runs = each_seed(ROOMS_RUNS, |seed| async move {
        let mut rooms = Rooms::new(seed, Faults { node_deaths: true, ..Faults::none() });
        rooms.live(Duration::from_secs(25)).await;
        check_settled(&mut rooms).await;
        rooms.memberships_end_only_with_their_clients();
        rooms.events_tell_the_commits(true)
    });
    check_coverage(runs, |total| {
        total.joins > 0 && total.leaves > 0 && total.undisturbed_zeros > 0 && total.resumed > 0 && total.deaths > 0
    });
}

#[test]
fn members_of_a_dead_node_leave_within_15_seconds() {
    let runs = each_seed(ROOMS_RUNS, |seed| async move {
        let mut rooms = Rooms::new(seed, Faults::none());
        rooms.live(Duration::from_secs(10)).await;
        for _ in 0..2 {
            rooms.dead_members_leave_in_time().await;
            rooms.start_node();
        }
        check_settled(&mut rooms).await;
        rooms.memberships_end_only_with_their_clients();
        rooms.events_tell_the_commits(true)
    });
    let total = check_coverage(runs, |total| {
        total.undisturbed_zeros > 0 && total.superseded_zeros > 0 && total.resumed > 0 && total.expired > 0
    });
    // Rarely, a deadline that was replaced is found in vain just then.
    assert!(total.fired_again * 5 <= total.fired_by_leader, "deadlines are fired once: {total:?}");
}

#[test]
fn members_of_an_isolated_node_leave_and_join_again_under_its_next_name() {
    let runs = each_seed(ROOMS_RUNS, |seed| async move {
        let mut rooms = Rooms::new(seed, Faults::none());
        rooms.live(Duration::from_secs(10)).await;
        rooms.isolated_members_leave_in_time().await;
        check_settled(&mut rooms).await;
        rooms.events_tell_the_commits(false)
    });
    check_coverage(runs, |total| total.undisturbed_zeros > 0 && total.resyncs > 0);
}

#[test]
fn an_outage_of_the_store_ends_no_membership() {
    let runs = each_seed(ROOMS_RUNS, |seed| async move {
        let mut rooms = Rooms::new(seed, Faults::none());
        for _ in 0..4 {
            rooms.live(Duration::from_secs(9)).await;
            rooms.lose_store().await;
        }
        check_settled(&mut rooms).await;
        rooms.memberships_end_only_with_their_clients();
        rooms.events_tell_the_commits(false)
    });
    check_coverage(runs, |total| total.joins > 0 && total.zeros_after_fault > 0);
}

#[test]
fn countdowns_reach_zero_in_time_while_links_break_and_nodes_die() {
    let runs = each_seed(ROOMS_RUNS, |seed| async move {
        let mut rooms = Rooms::new(seed, Faults { cuts: true, node_deaths: true, ..Faults::none() });
        rooms.live(Duration::from_secs(25)).await;
        check_settled(&mut rooms).await;
        rooms.events_tell_the_commits(false)
    });
    check_coverage(runs, |total| total.zeros_after_fault > 0 && total.resyncs > 0 && total.deaths > 0);
}

#[test]
fn rooms_end_equal_to_the_store_whatever_the_network_does() {
    let runs = each_seed(ROOMS_RUNS, |seed| async move {
        let mut rooms = Rooms::new(seed, Faults::all());
        rooms.live(Duration::from_secs(25)).await;
        check_settled(&mut rooms).await;
        rooms.events_tell_the_commits(false)
    });
    check_coverage(runs, |total| total.zeros_after_fault > 0 && total.resyncs > 0 && total.deaths > 0);
}

/// A store that loses commits that it has acknowledged can bring back a member that has left, or lose the record that a
/// node has members in a room. Nothing removes such members, so this does not check that nobody else is a member.
#[test]
fn connected_people_are_members_after_the_store_lost_its_last_seconds() {
    each_seed(ROOMS_RUNS, |seed| async move {
        let mut rooms = Rooms::new(seed, Faults { rollbacks: true, ..Faults::all() });
        rooms.live(Duration::from_secs(25)).await;
        rooms.settle().await;
        rooms.connected_people_are_members();
    });
}

fn check_punches(runs: &[PunchCoverage]) {
    let is_covered = |run: &PunchCoverage| run.punches > 20 && run.deleted > 0 && run.archived_days > 0;
    assert!(runs.len() == 1 || runs.iter().any(is_covered), "the runs exercise too little: {runs:?}");
}

fn each_seed<T, F: Future<Output = T>>(runs: u64, run: impl Fn(u64) -> F) -> Vec<T> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seeds = match number("SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIMULATION_RUNS").unwrap_or(runs),
    };
    let run = |seed| {
        eprintln!("seed {seed}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(run(seed))
    };
    seeds.map(run).collect()
}

async fn check_settled(rooms: &mut Rooms) {
    rooms.settle().await;
    rooms.connected_people_are_members();
    rooms.nodes_record_their_members();
    rooms.dead_nodes_have_no_members();
    rooms.nobody_else_is_a_member();
}

/// Checks that many runs together exercise what they are for; returns the total.
fn check_coverage(runs: Vec<Coverage>, is_covered: impl Fn(&Coverage) -> bool) -> Coverage {
    let is_one_seed = runs.len() == 1;
    let total = runs.into_iter().fold(Coverage::default(), Coverage::plus);
    assert!(is_one_seed || is_covered(&total), "the runs exercise too little: {total:?}");
    total
}
