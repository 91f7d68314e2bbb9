//! The namespace of the logins to which imported rows belong.

use std::collections::BTreeSet;

use access::AuthSettings;
use timers::UserId;

use crate::commands::Failure;
use crate::ops::config::Settings;
use crate::systems::System;

/// The namespace of the user ids in documents, as users log in.
pub(super) struct UserNamespace<'s> {
    auth: &'s AuthSettings,
    namespace: Option<String>,
}

impl<'s> UserNamespace<'s> {
    /// Chooses the namespace: the one of `--namespace`, or the only one of the configuration.
    pub(super) fn new(settings: &'s Settings, system: System, namespace: Option<&str>) -> Result<Self, Failure> {
        let auth = &settings.auth.access;
        let known = auth.user_namespaces(system.name());
        let namespace = choose("a person", &known, auth.test_headers, namespace)?;
        Ok(Self { auth, namespace: namespace.map(str::to_owned) })
    }

    /// Returns a person. The error says why the id is none.
    pub(super) fn user(&self, id: &str) -> Result<UserId, String> {
        self.auth.user(self.namespace.as_deref(), id).map_err(|denied| denied.to_string())
    }
}

/// Chooses a namespace: the given one, or the only one of the configuration. `who` is what logins of these namespaces name.
pub(super) fn choose<'n>(
    who: &str,
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
                "logins of several namespaces can name {who}: --namespace must be one of {}",
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
        choose("an organization", &known.iter().copied().collect(), false, given).map_err(drop)
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
        assert_eq!(
            choose("an organization", &known, true, Some("")).ok(),
            Some(None),
            "the development headers have no namespace"
        );
    }
}
