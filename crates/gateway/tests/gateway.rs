//! The binary as its users run it: a real process, real sockets, a real store.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod gateway {
    mod access;
    mod binary_payloads;
    mod client_commands;
    mod clock_steps;
    mod clockit;
    mod cluster;
    mod configuration;
    mod configuration_files;
    mod configuration_values;
    mod damage;
    mod disconnect;
    mod faults;
    mod firebase;
    mod focus;
    mod healthcheck;
    mod heartbeat;
    mod history;
    mod hostile;
    mod limits;
    mod memory;
    mod next_auth;
    mod nodes;
    mod operation;
    mod organization_sockets;
    mod organizations;
    mod origins;
    mod proxies;
    mod punch_clock;
    mod quotas;
    mod rooms;
    mod rooms_over_nodes;
    mod sessions;
    mod smoke_test;
    mod store_faults;
    mod tenancy;
    mod tls;
    mod tokens;
}
