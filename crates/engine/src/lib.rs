//! Where the rules meet storage: commands are decided and committed, boards are watched, beats are
//! counted, and every connection hears of it through the [`Hub`].

mod background;
mod clock;
#[cfg(feature = "contract")]
pub mod contract;
mod cursor;
mod deadlines;
mod engine;
mod entropy;
mod execute;
mod firing;
mod hub;
mod lane;
mod leases;
mod memory;
mod outcome;
mod presence;
mod start;
mod stats;
pub mod store;
pub mod telemetry;
mod ticker;
mod trace;
mod update;

pub use clock::{BootClock, Clock, Monotonic, StoreClock};
pub use engine::{Engine, Options, Seams};
pub use entropy::Entropy;
pub use execute::{ATTEMPTS, COMMAND_LIFE};
pub use hub::{
    Caught, FILL_MAX, Feed, Frames, Hub, JoinError, Lack, Looked, Onlooker, Progress, Reader, Sheet, Showing, Shown,
    Sight, View,
};
pub use lane::LANE_LENGTH;
pub use memory::{Content, MemoryNode, MemoryStore};
pub use outcome::{ExecuteError, Made, Outcome, Request, name_of};
pub use presence::{NotEntered, Place, Presence};
pub use stats::{Counter, Stats};
pub use store::Store;
pub use telemetry::Telemetry;
pub use trace::{BadTraceParent, TraceParent};
pub use update::{BadUpdate, Items, Update};
