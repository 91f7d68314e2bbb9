//! Days of the calendar in a person's time zone.

mod date;
mod zone;

pub use date::{BadDate, LocalDate};
pub use zone::{BadZone, Zone};
