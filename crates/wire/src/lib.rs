//! The dialects: bytes or JSON to commands, boards and beats to messages. Pure.

mod byte_order_mark;
pub mod clockit;
mod csv_splitter;
mod dialect;
mod event;
mod fault;
pub mod focus;
mod going_away;
mod iso;
mod json_instant;
mod json_text;
mod message;
pub mod mongo_export;
pub mod punch_clock;
pub mod rooms;
mod row_fault;
#[cfg(feature = "schema")]
pub mod schema;
pub mod studio;
mod time_sync;
mod trace;
mod whole_number;
mod zone;

pub use dialect::{Dialect, Done, Text, TextDialect};
pub use event::{AUTH, Event, token};
pub use fault::{Code, Fault};
pub use going_away::going_away;
pub use message::{ClientMessage, MessageId, Rejected, Request, Token};
pub use row_fault::{FAULTS_MAX, RowFault};
pub use time_sync::{TimePing, json_rpc as answer_time_sync};
pub use whole_number::whole_number;
pub use zone::zone;
