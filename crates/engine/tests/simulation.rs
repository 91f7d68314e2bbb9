//! Many nodes over one store, with a network that delays, loses, repeats and reorders, nodes that die,
//! and a store that may lose its last seconds. Virtual time; one seed gives one run.
//!
//! `SIMULATION_SEED=n` repeats a run that failed, `SIMULATION_RUNS=n` makes more of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod simulation {
    pub(crate) mod client;
    pub(crate) mod network;
    pub(crate) mod world;
}

use std::future::Future;
use std::time::Duration;

use simulation::network::Faults;
use simulation::world::World;

/// Runs of each story; each is some thirty virtual seconds and some fifty real milliseconds.
const RUNS: u64 = 20;

#[test]
fn clients_end_equal_to_the_store_whatever_the_network_does() {
    each_seed(|seed| async move {
        let mut world = World::new(seed, Faults::all()).await;
        world.live(Duration::from_secs(20)).await;
        world.heal().await;
        world.clients_equal_the_store();
        world.what_was_acknowledged_is_there();
    });
}

#[test]
fn clients_end_equal_to_a_store_that_lost_its_last_seconds() {
    each_seed(|seed| async move {
        let mut world = World::new(seed, Faults { rollbacks: true, ..Faults::all() }).await;
        world.live(Duration::from_secs(20)).await;
        world.heal().await;
        world.clients_equal_the_store();
    });
}

#[test]
fn no_second_is_missing_or_doubled_while_nodes_die() {
    each_seed(|seed| async move {
        let mut world = World::new(seed, Faults { node_deaths: true, ..Faults::none() }).await;
        world.live(Duration::from_secs(20)).await;
        world.heal().await;
        world.clients_equal_the_store();
        world.every_second_was_shown_once();
    });
}

fn each_seed<F: Future<Output = ()>>(story: impl Fn(u64) -> F) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seeds = match number("SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIMULATION_RUNS").unwrap_or(RUNS),
    };
    for seed in seeds {
        eprintln!("seed {seed}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(story(seed));
    }
}
