//! The settings in the environment, and variables that resemble them.

use std::collections::BTreeMap;
use std::ffi::OsString;

use config::{Config, Environment, Map};

use crate::ops::config::ConfigError;
use crate::ops::config::raw_setting::{RawSettings, collect, trimmed};

const PREFIX: &str = "TICKCAST";

/// The parts of a setting's name are separated by this in a variable.
const SEPARATOR: &str = "__";

/// The beginning of keys whose last part may be a secret, compared as [`words_of`].
const SECRET_NAMES: &str = "auth_tok";

/// Reads the settings among the variables. Returns the names of other variables that begin with `TICKCAST_`.
pub(super) fn read(
    variables: impl Iterator<Item = (OsString, OsString)>,
    settings: &mut RawSettings,
    errors: &mut Vec<ConfigError>,
) -> Vec<String> {
    let variables = variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let variables: BTreeMap<String, OsString> =
        variables.filter(|(name, _)| has_prefix(name, &format!("{PREFIX}_"))).collect();
    let services = Services::among(&variables);
    let (mut own, mut others) = (Map::new(), Vec::new());
    for (name, value) in variables.iter().filter(|(name, _)| !services.inject(name)) {
        if !has_prefix(name, &format!("{PREFIX}{SEPARATOR}")) {
            others.push(name.clone());
        } else if let Some(text) = value.to_str() {
            own.insert(name.clone(), trimmed(text).to_owned());
        } else {
            errors.push(ConfigError::new("the environment", &visible(name), "is not valid UTF-8"));
        }
    }
    let source = Environment::with_prefix(PREFIX).prefix_separator(SEPARATOR).separator(SEPARATOR).source(Some(own));
    collect(Config::builder().add_source(source), settings, errors, variable_of, "the environment");
    others
}

/// Returns the name of a setting's variable.
fn variable_of(key: &str) -> String {
    format!("{PREFIX}{SEPARATOR}{}", key.replace('.', SEPARATOR).to_uppercase())
}

/// Returns a warning if a variable that is no setting looks like one with too few underscores.
pub(super) fn warning<'k>(name: &str, mut known: impl Iterator<Item = &'k str> + Clone) -> Option<String> {
    let words = words_of(name.get(PREFIX.len()..)?);
    if let Some(key) = known.clone().find(|key| words_of(key) == words) {
        return Some(format!("the variable {name} is ignored: that of {key} is {}", variable_of(key)));
    }
    let section = words.split('_').next()?;
    let is_section = known.any(|key| key.split_once('.').is_some_and(|(first, _)| first == section));
    is_section.then(|| {
        let name = visible(name);
        format!("the variable {name} is ignored: it is no setting, whose name begins with {PREFIX}{SEPARATOR}")
    })
}

/// Returns a name in lower case, with one underscore between its words.
pub(super) fn words_of(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    lower.split(['_', '.']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_")
}

/// Returns the part of a key, or of a variable's name, that cannot be a secret.
pub(super) fn visible(name: &str) -> String {
    let words = words_of(name);
    let prefix = words_of(PREFIX) + "_";
    if !words.strip_prefix(&prefix).unwrap_or(&words).starts_with(SECRET_NAMES) {
        return name.to_owned();
    }
    let separators = |letter: char| "_.".contains(letter);
    let parts: Vec<&str> = name.split_inclusive(separators).collect();
    let secret = parts.iter().position(|part| part.to_ascii_lowercase().starts_with("tok")).unwrap_or_default();
    parts[..=secret].concat() + "…"
}

fn has_prefix(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The Services for which Kubernetes injects variables: `TICKCAST_…` for a Service named `tickcast` or `tickcast-…`, and
/// `TICKCAST__…` for one named `tickcast--…`.
struct Services(Vec<String>);

impl Services {
    /// Finds the Services of which both the host and the port are among the variables.
    fn among(variables: &BTreeMap<String, OsString>) -> Self {
        let names = variables.keys().filter_map(|name| name.strip_suffix("_SERVICE_HOST"));
        Self(names.filter(|name| variables.contains_key(&format!("{name}_SERVICE_PORT"))).map(str::to_owned).collect())
    }

    /// Returns whether Kubernetes injects a variable for one of the Services.
    fn inject(&self, name: &str) -> bool {
        let suffixes = self.0.iter().filter_map(|service| name.strip_prefix(service.as_str()));
        suffixes.into_iter().any(|suffix| {
            suffix == "_SERVICE_HOST"
                || ["_SERVICE_PORT", "_PORT"]
                    .iter()
                    .any(|kind| suffix.strip_prefix(kind).is_some_and(|rest| rest.is_empty() || rest.starts_with('_')))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::ops::config::RawSetting;

    const KNOWN: [&str; 5] = ["mode", "store.url", "auth.tokens", "auth.jwt.secret", "auth.first_message_within"];

    fn read_all(variables: &[(&str, &str)]) -> (RawSettings, Vec<String>) {
        let (mut settings, mut errors) = (RawSettings::new(), Vec::new());
        let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let others = read(variables, &mut settings, &mut errors);
        assert_eq!(errors, []);
        (settings, others)
    }

    #[test]
    fn variables_that_kubernetes_injects_are_no_settings() {
        let injected = |service: &str| {
            ["SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_WS", "PORT", "PORT_80_TCP", "PORT_80_TCP_ADDR"]
                .map(|suffix| (format!("{service}_{suffix}"), "x".to_owned()))
        };
        for service in ["TICKCAST", "TICKCAST_STORE", "TICKCAST__STORE", "TICKCAST__AUTH__TOKENS__X"] {
            let variables = injected(service);
            let variables: Vec<(&str, &str)> =
                variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(read_all(&variables), (RawSettings::new(), Vec::new()), "{service}");
            // The same names without a Service are settings, or look like some.
            let (settings, others) = read_all(&variables[1..]);
            assert_eq!(settings.len() + others.len(), variables.len() - 1, "{service}");
        }
    }

    #[test]
    fn a_setting_beside_a_service_of_a_similar_name_is_read() {
        let (settings, others) = read_all(&[
            ("TICKCAST__STORE_SERVICE_HOST", "10.0.0.1"),
            ("TICKCAST__STORE_SERVICE_PORT", "80"),
            ("TICKCAST__STORE__URL", "memory://"),
            ("PATH", "/bin"),
        ]);
        let (value, source) = &settings["store.url"];
        assert_eq!((value, source.as_str()), (&RawSetting::Text("memory://".to_owned()), "TICKCAST__STORE__URL"));
        assert_eq!((settings.len(), others), (1, Vec::new()));
    }

    #[test]
    fn a_variable_that_resembles_a_setting_is_reported() {
        let warning = |name| warning(name, KNOWN.into_iter());
        for (name, meant) in [
            ("TICKCAST_STORE_URL", "TICKCAST__STORE__URL"),
            ("TICKCAST_STORE__URL", "TICKCAST__STORE__URL"),
            ("tickcast_mode", "TICKCAST__MODE"),
            ("TICKCAST_AUTH_FIRST_MESSAGE_WITHIN", "TICKCAST__AUTH__FIRST_MESSAGE_WITHIN"),
            ("TICKCAST_STORE_URI", "begins with TICKCAST__"),
        ] {
            let text = warning(name).unwrap_or_default();
            assert!(text.contains(name) && text.contains(meant), "{name}: {text}");
        }
        for other in ["TICKCAST_BIN", "TICKCAST_VERSION", "TICKCAST_", "TICKCAST_MODEL"] {
            assert_eq!(warning(other), None, "{other}");
        }
        let hidden = warning("TICKCAST_AUTH_TOKENS_S3CRET").unwrap_or_default();
        assert!(hidden.contains("TICKCAST_AUTH_TOKENS") && !hidden.contains("S3CRET"), "{hidden}");
    }
}
