//! The documents of an import by person.

use std::collections::BTreeMap;

use timers::{Scope, UserId};
use wire::FAULTS_MAX;

use crate::commands::Failure;
use crate::commands::import::documents::FileDocument;
use crate::commands::import::namespace::UserNamespace;
use crate::commands::import::notes::Note;

/// One person, with all their documents.
pub(super) struct PersonDocuments<D> {
    pub(super) scope: Scope,
    pub(super) documents: Vec<FileDocument<D>>,
}

/// Groups documents by person: whom a document names, and the scope that a person has.
pub(super) fn group<D>(
    documents: Vec<FileDocument<D>>,
    namespace: &UserNamespace<'_>,
    user_of: impl Fn(&D) -> &str,
    scope_of: impl Fn(&UserId) -> Scope,
) -> Result<Vec<PersonDocuments<D>>, Failure> {
    let (mut people, mut faults) = (BTreeMap::<String, PersonDocuments<D>>::new(), Vec::new());
    for named in documents {
        let id = user_of(&named.document);
        if let Some(person) = people.get_mut(id) {
            person.documents.push(named);
            continue;
        }
        match namespace.user(id) {
            Ok(user) => {
                people.insert(id.to_owned(), PersonDocuments { scope: scope_of(&user), documents: vec![named] });
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
