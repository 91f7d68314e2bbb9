//! The program `tickcast`.

use std::process::ExitCode;

fn main() -> ExitCode {
    gateway::main()
}
