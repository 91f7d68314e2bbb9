//! The Redis store over real servers of every kind.

mod redis {
    mod clock;
    mod cluster;
    mod contract;
    mod credentials;
    mod damage;
    mod faults;
    mod history;
    mod history_terms;
    mod isolation;
    mod node;
    mod packet_loss;
    mod presence;
    mod probes;
    mod replica_wait;
    mod sentinel;
    mod sessions;
    mod tls;
}
