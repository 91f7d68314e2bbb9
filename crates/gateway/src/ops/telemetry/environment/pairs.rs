//! Lists of names and values: `name=value,name=value`, percent-encoded.

use std::str::FromStr;

use axum::http::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

use crate::ops::telemetry::environment::variables::Variables;

/// Returns the attributes of the resource. Of two with one name the last counts, and the service's own variable counts more
/// than the list. A list with an error is ignored as a whole, as the specification demands.
pub(super) fn attributes(variables: &Variables<'_>) -> Vec<(String, String)> {
    const LIST: &str = "OTEL_RESOURCE_ATTRIBUTES";
    let list = variables.get(LIST).unwrap_or_default();
    let pairs: Result<Vec<_>, String> = entries(&list).collect();
    let mut pairs = pairs.unwrap_or_else(|reason| {
        variables.warn(format!("{LIST} is ignored: {reason}"));
        Vec::new()
    });
    pairs.extend(variables.get("OTEL_SERVICE_NAME").map(|name| ("service.name".to_owned(), name)));
    pairs
}

/// Returns the headers of requests to the collector, from the first of the variables that is set. A malformed header is
/// ignored. Warnings never quote a value, which may be a secret.
pub(super) fn headers(variables: &Variables<'_>, names: &[String]) -> Vec<(HeaderName, HeaderValue)> {
    let found = names.iter().find_map(|name| Some((name, variables.get(name)?)));
    let Some((variable, list)) = found else { return Vec::new() };
    let header = |entry: Result<(String, String), String>| {
        let (name, value) = entry?;
        let parsed = HeaderName::from_str(&name).ok().zip(HeaderValue::from_str(&value).ok());
        parsed.ok_or_else(|| "it is not a valid header".to_owned())
    };
    let mut headers = Vec::new();
    for (index, entry) in entries(&list).enumerate() {
        match header(entry) {
            Ok(header) => headers.push(header),
            Err(reason) => variables.warn(format!("{variable}: header {} is malformed: {reason}", index + 1)),
        }
    }
    headers
}

/// Returns the entries of a list, or why one is malformed.
fn entries(list: &str) -> impl Iterator<Item = Result<(String, String), String>> {
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(|entry| {
        let (name, value) = entry.split_once('=').ok_or("it has no =")?;
        match (decoded(name.trim()), decoded(value.trim())) {
            (Some(name), Some(_)) if name.is_empty() => Err("it has no name".to_owned()),
            (Some(name), Some(value)) => Ok((name, value)),
            _ => Err("its percent-encoding is invalid".to_owned()),
        }
    })
}

/// Decodes a percent-encoded text; `None` if it is malformed or does not encode UTF-8.
fn decoded(text: &str) -> Option<String> {
    let is_well_formed = text
        .split('%')
        .skip(1)
        .all(|after| after.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)));
    if !is_well_formed {
        return None;
    }
    percent_decode_str(text).decode_utf8().ok().map(String::from)
}
