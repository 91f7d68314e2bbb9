//! Benchmarks only: `cargo bench -p benches`.
