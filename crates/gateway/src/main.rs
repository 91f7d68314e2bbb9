//! The program `tickcast`.

use std::process::ExitCode;

/// glibc's allocator keeps the memory of a burst of large requests for good; this one returns it within seconds.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    gateway::main()
}
