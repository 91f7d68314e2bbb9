//! What the documents of a person are for the rules.

use timers::punch_clock::{NewPerson, Punch, SavedLog};
use wire::punch_clock::{ExportedContent, ExportedDay};

use crate::commands::import::people::PersonDocuments;

impl PersonDocuments<ExportedDay> {
    /// Returns all punches, in the order of their instants.
    pub(in crate::commands::import) fn punches(&self) -> Vec<Punch> {
        let punches = self.documents.iter().flat_map(|named| &named.document.punches);
        let mut punches: Vec<Punch> = punches.cloned().collect();
        punches.sort_by_key(|punch| punch.at);
        punches
    }

    /// Returns the archived days.
    pub(in crate::commands::import) fn logs(&self) -> impl Iterator<Item = SavedLog> {
        self.documents.iter().filter_map(|named| match &named.document.content {
            ExportedContent::Log(date, theme) => Some(SavedLog { date: *date, theme: theme.clone() }),
            ExportedContent::Session(..) => None,
        })
    }

    /// Returns what a person who is new gets: that of the session that has changed last.
    pub(in crate::commands::import) fn new_person(&self) -> NewPerson {
        let sessions = self.documents.iter().filter_map(|named| match &named.document.content {
            ExportedContent::Session(theme, profile, created_at, updated_at) => {
                let person = NewPerson { theme: theme.clone(), profile: profile.clone(), created_at: *created_at };
                Some((updated_at, person))
            }
            ExportedContent::Log(..) => None,
        });
        sessions.max_by_key(|(updated_at, _)| **updated_at).map(|(_, person)| person).unwrap_or_default()
    }
}
