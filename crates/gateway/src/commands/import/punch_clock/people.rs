//! The documents of an import by person.

use std::collections::BTreeMap;

use timers::Scope;
use timers::punch_clock::{NewPerson, Punch, SavedLog};
use wire::FAULTS_MAX;
use wire::punch_clock::{ExportedContent, ExportedDay};

use crate::commands::Failure;
use crate::commands::import::documents::NamedDocument;
use crate::commands::import::namespace::People;
use crate::commands::import::notes::Note;

/// One person, with all their documents.
pub(super) struct PersonDocuments {
    pub(super) scope: Scope,
    pub(super) documents: Vec<NamedDocument<ExportedDay>>,
}

/// Groups documents by person.
pub(super) fn group(
    documents: Vec<NamedDocument<ExportedDay>>,
    namespace: &People<'_>,
) -> Result<Vec<PersonDocuments>, Failure> {
    let (mut people, mut faults) = (BTreeMap::<String, PersonDocuments>::new(), Vec::new());
    for named in documents {
        let id = &named.document.user;
        if let Some(person) = people.get_mut(id) {
            person.documents.push(named);
            continue;
        }
        match namespace.user(id) {
            Ok(user) => {
                people.insert(id.clone(), PersonDocuments { scope: Scope::work_day(&user), documents: vec![named] });
            }
            Err(message) => faults.push(Note::new(&named.file, named.line, "userId", message).to_string()),
        }
    }
    if !faults.is_empty() {
        faults.truncate(FAULTS_MAX);
        return Err(Failure::data(faults, "the files have errors; nothing was imported"));
    }
    Ok(people.into_values().collect())
}

impl PersonDocuments {
    /// Returns all punches, in the order of their instants.
    pub(super) fn punches(&self) -> Vec<Punch> {
        let punches = self.documents.iter().flat_map(|named| &named.document.punches);
        let mut punches: Vec<Punch> = punches.cloned().collect();
        punches.sort_by_key(|punch| punch.at);
        punches
    }

    /// Returns the archived days.
    pub(super) fn logs(&self) -> impl Iterator<Item = SavedLog> {
        self.documents.iter().filter_map(|named| match &named.document.content {
            ExportedContent::Log(date, theme) => Some(SavedLog { date: *date, theme: theme.clone() }),
            ExportedContent::Session(..) => None,
        })
    }

    /// Returns what a person who is new gets: that of the session that has changed last.
    pub(super) fn new_person(&self) -> NewPerson {
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
