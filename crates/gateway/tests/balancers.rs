//! Real load balancers in front of real nodes, with the configurations of `deploy/`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod balancers {
    mod balancer;
    mod drain;
    mod envoy;
    mod haproxy;
    mod nginx;
    mod outage;
    mod routing;
    mod stand_in;
}
