//! JSON Schemas of everything that clients send and receive, for generators and tests.
//!
//! A message that is rendered by a `serde` structure has the schema of that structure. A message that is written or read
//! by hand has the schema of a structure beside that code.

mod catalog;
mod close_codes;
mod finish;
mod shared;
mod text_message;

pub(crate) use shared::{ErrorAnswer, EventRefusal, Given, NumberOrText, TargetInput};

pub use catalog::{Catalog, Channel, Form, Message, ProcedureSchema, RouteSchema};
pub use close_codes::{CLOSE_CODES, CloseCode, Reconnect};

use crate::{clockit, focus, punch_clock, rooms, studio};

impl Catalog {
    /// Describes all dialects. `definitions_path` is the JSON pointer of the place where the schemas will be, such as
    /// `/components/schemas`.
    pub fn of_all_dialects(definitions_path: &'static str) -> Self {
        let mut catalog = Self::new(definitions_path);
        shared::describe(&mut catalog);
        clockit::schema::describe(&mut catalog);
        rooms::schema::describe(&mut catalog);
        studio::schema::describe(&mut catalog);
        punch_clock::schema::describe(&mut catalog);
        focus::schema::describe(&mut catalog);
        catalog
    }
}
