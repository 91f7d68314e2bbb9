//! Which organisation of Tickcast the rows of a file belong to.

use access::AuthSettings;
use timers::Scope;

use crate::commands::Failure;
use crate::commands::import::namespace::choose;
use crate::ops::config::Settings;
use crate::systems::System;

/// Finds the organisations of rows, as their members are logged in to them.
pub(super) struct Organizations<'s> {
    auth: &'s AuthSettings,
    namespace: Option<String>,
    /// The organisation of `--organization`.
    given: Option<String>,
}

impl<'s> Organizations<'s> {
    /// Chooses the namespace: the one of `--namespace`, or the only one of the configuration.
    pub(super) fn new(settings: &'s Settings, namespace: Option<&str>, given: Option<&str>) -> Result<Self, Failure> {
        let auth = &settings.auth.access;
        let known = auth.organization_namespaces(System::Studio.name());
        let namespace = choose("an organization", &known, auth.test_headers, namespace)?;
        Ok(Self { auth, namespace: namespace.map(str::to_owned), given: given.map(str::to_owned) })
    }

    /// Fails if rows of a file belong to no organisation.
    pub(super) fn check_given(&self, file: &str, has_column: bool) -> Result<(), Failure> {
        if has_column || self.given.is_some() {
            return Ok(());
        }
        Err(Failure::usage(format!("{file} has no column organization_id: --organization is needed")))
    }

    /// Returns the organisation of a row, as the login names it. The error says what is wrong with the row.
    pub(super) fn of_row<'r>(&'r self, column: Option<&'r str>) -> Result<&'r str, String> {
        match (column, self.given.as_deref()) {
            (Some(column), Some(given)) if column != given => {
                Err(format!("is {column}, and --organization is {given}"))
            }
            (Some(id), _) | (None, Some(id)) => Ok(id),
            (None, None) => Err("is missing".to_owned()),
        }
    }

    /// Returns the scope of an organisation.
    pub(super) fn scope(&self, id: &str) -> Result<Scope, String> {
        let organization =
            self.auth.organization(self.namespace.as_deref(), id).map_err(|denied| denied.to_string())?;
        Ok(Scope::organization(&organization))
    }
}
