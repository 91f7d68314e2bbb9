//! Which organisation of Tickcast the rows of a file belong to.

use std::collections::BTreeSet;

use access::AuthSettings;
use timers::Scope;

use crate::commands::Failure;
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
        let namespace = choose(&known, auth.test_headers, namespace)?;
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

fn choose<'n>(
    known: &BTreeSet<Option<&'n str>>,
    accepts_test_headers: bool,
    given: Option<&str>,
) -> Result<Option<&'n str>, Failure> {
    let names = || known.iter().map(|name| name.unwrap_or("\"\" (none)")).collect::<Vec<_>>().join(", ");
    let Some(given) = given else {
        return match known.iter().collect::<Vec<_>>()[..] {
            [] => Ok(None),
            [namespace] => Ok(*namespace),
            [..] => Err(Failure::usage(format!(
                "logins of several namespaces can name an organization: --namespace must be one of {}",
                names()
            ))),
        };
    };
    let is_none = given.is_empty() && (known.is_empty() || accepts_test_headers);
    let found = known.iter().find(|name| name.unwrap_or_default() == given).copied();
    match found {
        Some(namespace) => Ok(namespace),
        None if is_none => Ok(None),
        None => Err(Failure::usage(format!(
            "--namespace is {given:?}, but no login of the configuration has this namespace; there are: {}",
            if known.is_empty() { "none".to_owned() } else { names() }
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(known: &[Option<&'static str>], given: Option<&str>) -> Result<Option<&'static str>, ()> {
        choose(&known.iter().copied().collect(), false, given).map_err(drop)
    }

    #[test]
    fn the_namespace_is_the_only_one_or_the_given_one() {
        for (known, given, expected) in [
            (&[][..], None, Ok(None)),
            (&[None], None, Ok(None)),
            (&[Some("old")], None, Ok(Some("old"))),
            (&[None, Some("old")], None, Err(())),
            (&[None, Some("old")], Some("old"), Ok(Some("old"))),
            (&[None, Some("old")], Some(""), Ok(None)),
            (&[Some("old")], Some("odl"), Err(())),
            (&[Some("old")], Some(""), Err(())),
            (&[], Some(""), Ok(None)),
            (&[], Some("old"), Err(())),
        ] {
            assert_eq!(chosen(known, given), expected, "{known:?} {given:?}");
        }
        let known = [Some("old")].into_iter().collect();
        assert_eq!(choose(&known, true, Some("")).ok(), Some(None), "the development headers have no namespace");
    }
}
