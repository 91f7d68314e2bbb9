//! The engine of a node: decides and commits commands, keeps views of boards, counts beats, and delivers all of it to
//! every connection through the [`Hub`].

mod background;
mod beat_schedule;
mod capacity;
mod clock;
#[cfg(feature = "contract")]
pub mod contract;
mod deadline_runner;
mod deadlines;
mod engine;
mod entropy;
mod execute;
mod hub;
mod lease_state;
mod leases;
mod memory;
mod outcome;
mod presence;
mod read;
mod retention;
mod scope_queue;
mod start;
mod stats;
pub mod store;
mod store_clock;
pub mod telemetry;
mod ticker;
mod trace;
mod update;

pub use background::TaskFailure;
pub use clock::{BootClock, Clock, Monotonic};
pub use engine::{Dependencies, Engine, Leadership, Options};
pub use entropy::Entropy;
pub use execute::{ATTEMPTS_MAX, COMMAND_TIMEOUT};
pub use hub::{
    Backlog, Delivery, DeliveryReceipt, DeliveryState, FILL_MAX, Frames, Hub, JoinError, Reader, Snapshot, Subscriber,
    Subscription, TickBuffer, TickContext, TickDelivery, View,
};
pub use lease_state::LeaseState;
pub use memory::{Content, MemoryNode, MemoryStore};
pub use outcome::{Effect, ExecuteError, Outcome, Request, name_of};
pub use presence::{EntryError, MembershipGuard, Presence};
pub use retention::Retention;
pub use scope_queue::QUEUE_LENGTH_MAX;
pub use stats::{Counter, Gauge, Stats};
pub use store::Store;
pub use store_clock::{StoreClock, StoreTime};
pub use telemetry::Telemetry;
pub use trace::{BadTraceParent, TraceParent};
pub use update::{BadUpdate, Items, Update, UpdateItems};
