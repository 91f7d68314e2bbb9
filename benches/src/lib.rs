//! Benches only: `cargo bench -p benches`.
