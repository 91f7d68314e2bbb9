//! Prefixes of the ids of users and organisations, so that equal ids at two issuers stay distinct.

use timers::{OrganizationId, UserId};

use crate::identity::{AuthMethod, Denied, Identity, Validity, parse_verified_user_id};
use crate::settings::AuthSettings;

/// Separates a namespace from the issuer's id.
const SEPARATOR: char = ':';

/// The namespaces of all issuers and session servers.
#[derive(Clone)]
pub(crate) struct Namespaces(Vec<String>);

/// The ids that verified credentials name, without a namespace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) organization: Option<String>,
}

impl Namespaces {
    pub(crate) fn new(settings: &AuthSettings) -> Self {
        let issuers = settings.issuers.iter().filter_map(|issuer| issuer.namespace.clone());
        let sessions = settings.express_session.iter().filter_map(|sessions| sessions.namespace.clone());
        let next_auth = settings.next_auth.iter().filter_map(|next_auth| next_auth.namespace.clone());
        Self::of(issuers.chain(sessions).chain(next_auth))
    }

    pub(crate) fn of(namespaces: impl Iterator<Item = String>) -> Self {
        Self(namespaces.collect())
    }

    /// Returns the identity of a login, its ids prefixed by the issuer's namespace.
    ///
    /// An issuer without a namespace cannot name a user or an organisation in the namespace of another issuer.
    pub(crate) fn identify(
        &self,
        namespace: Option<&str>,
        login: &Login,
        method: AuthMethod,
        validity: Validity,
    ) -> Result<Identity, Denied> {
        let user = self.user(namespace, &login.user)?;
        let organization = match &login.organization {
            Some(organization) => Some(self.organization(namespace, organization)?),
            None => None,
        };
        Ok(Identity { user, organization, namespace: namespace.map(str::to_owned), method, validity, profile: None })
    }

    /// Returns the user that a login of a namespace names.
    pub(crate) fn user(&self, namespace: Option<&str>, id: &str) -> Result<UserId, Denied> {
        parse_verified_user_id(&self.qualify(namespace, id)?)
    }

    /// Returns the organisation that a login of a namespace names.
    pub(crate) fn organization(&self, namespace: Option<&str>, id: &str) -> Result<OrganizationId, Denied> {
        parse_organization_id(&self.qualify(namespace, id)?)
    }

    fn qualify(&self, namespace: Option<&str>, id: &str) -> Result<String, Denied> {
        if let Some(namespace) = namespace {
            return Ok(format!("{namespace}{SEPARATOR}{id}"));
        }
        if id.split_once(SEPARATOR).is_some_and(|(prefix, _)| self.0.iter().any(|known| known == prefix)) {
            return Err(Denied::rejected("an id belongs to another issuer's namespace"));
        }
        Ok(id.to_owned())
    }
}

/// Returns an id without the namespace that qualifies it.
pub(crate) fn local_id<'i>(namespace: Option<&str>, id: &'i str) -> &'i str {
    let local = namespace.and_then(|namespace| id.strip_prefix(namespace)?.strip_prefix(SEPARATOR));
    local.unwrap_or(id)
}

fn parse_organization_id(text: &str) -> Result<OrganizationId, Denied> {
    OrganizationId::new(text).map_err(|error| Denied::rejected(format!("the organisation id {error}")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::settings::{ExpressSessionSettings, IssuerSettings};

    fn identify(namespace: Option<&str>, user: &str, organization: Option<&str>) -> Result<Identity, Denied> {
        let namespaces = Namespaces::of(["acme".to_owned(), "web".to_owned()].into_iter());
        let login = Login { user: user.to_owned(), organization: organization.map(str::to_owned) };
        namespaces.identify(namespace, &login, AuthMethod::Token, Validity::Unlimited)
    }

    #[test]
    fn equal_ids_at_two_issuers_are_two_users_and_two_organizations() {
        for (namespace, user, organization) in
            [(None, "42", "7"), (Some("acme"), "acme:42", "acme:7"), (Some("web"), "web:42", "web:7")]
        {
            let identity = identify(namespace, "42", Some("7")).unwrap();
            assert_eq!(identity.user.as_str(), user);
            assert_eq!(identity.organization.as_ref().map(OrganizationId::as_str), Some(organization));
            assert_eq!((identity.local_user(), identity.local_organization()), ("42", Some("7")));
        }
        assert_eq!(identify(Some("acme"), "42", None).unwrap().organization, None);
    }

    #[test]
    fn an_issuer_cannot_name_ids_of_another_namespace() {
        for (user, organization) in [("acme:42", None), ("42", Some("acme:7")), ("42", Some("web:7"))] {
            assert!(identify(None, user, organization).is_err(), "{user}, {organization:?}");
        }
        let other = identify(None, "else:42", Some("else:7")).unwrap();
        assert_eq!((other.local_user(), other.local_organization()), ("else:42", Some("else:7")));
        let nested = identify(Some("acme"), "web:42", Some("web:7")).unwrap();
        assert_eq!((nested.user.as_str(), nested.local_user()), ("acme:web:42", "web:42"));
    }

    #[test]
    fn an_organization_has_a_valid_id() {
        for invalid in ["", "a\nb", &"x".repeat(201)] {
            assert!(identify(None, "42", Some(invalid)).is_err(), "{invalid:?}");
        }
    }

    #[test]
    fn the_namespaces_of_a_system_are_those_of_logins_that_name_organizations() {
        let issuer = |namespace: Option<&str>, systems: &[&str]| IssuerSettings {
            namespace: namespace.map(str::to_owned),
            systems: systems.iter().map(|system| (*system).to_owned()).collect(),
            ..IssuerSettings::default()
        };
        let sessions = |namespace: Option<&str>| ExpressSessionSettings {
            secrets: Vec::new(),
            prefix: String::new(),
            cookie: String::new(),
            namespace: namespace.map(str::to_owned),
            check_every: Duration::from_secs(1),
        };
        let mut settings = AuthSettings {
            modes: Vec::new(),
            guests: false,
            test_headers: true,
            tokens: BTreeMap::new(),
            issuers: Vec::new(),
            express_session: None,
            next_auth: None,
        };
        let of = |settings: &AuthSettings| -> Vec<Option<String>> {
            settings.organization_namespaces("studio").into_iter().map(|name| name.map(str::to_owned)).collect()
        };
        assert_eq!(of(&settings), []);
        settings.issuers = vec![issuer(None, &["clockit"])];
        assert_eq!(of(&settings), [], "it is not accepted by the system");
        settings.express_session = Some(sessions(Some("old")));
        assert_eq!(of(&settings), [Some("old".to_owned())]);
        settings.issuers = vec![issuer(None, &["studio"]), issuer(Some("acme"), &[])];
        assert_eq!(of(&settings), [None, Some("acme".to_owned()), Some("old".to_owned())]);
        settings.issuers[1].organization_claims.clear();
        assert_eq!(of(&settings), [None, Some("old".to_owned())]);
        assert_eq!(settings.organization(Some("old"), "3").unwrap().as_str(), "old:3");
        assert_eq!(settings.organization(None, "3").unwrap().as_str(), "3");
        assert!(settings.organization(None, "old:3").is_err());
    }
}
