//! The store over real servers of every kind.

mod redis {
    mod clock;
    mod cluster;
    mod contract;
    mod faults;
    mod fence;
    mod node;
    mod presence;
    mod sentinel;
}
