//! The URLs of a server's endpoints, below the path at which a proxy serves it.

use std::str::FromStr;

use url::Url;

use crate::error::InvalidUrl;

/// The URL of a server, such as `https://timers.example.com`, with a path prefix if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerUrl(Url);

impl ServerUrl {
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns the HTTP URL of an endpoint.
    pub(crate) fn http(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
        url
    }

    /// Returns the URL of an endpoint by the parts of its path, such as ids, which may have any characters.
    pub(crate) fn endpoint(&self, path: &[String]) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// Returns the URL of a WebSocket, by HTTP's schemes.
    pub(crate) fn with_query(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.http(path);
        url.query_pairs_mut().extend_pairs(query);
        url
    }
}

impl FromStr for ServerUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let wrong = |reason: &str| InvalidUrl { url: without_secrets(text), reason: reason.to_owned() };
        let url = Url::parse(text).map_err(|error| wrong(&format!("is invalid: {error}")))?;
        let scheme = match url.scheme() {
            "http" | "ws" => "http",
            "https" | "wss" => "https",
            _ => return Err(wrong("must begin with http:// or https://")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("must have no user: pass a credential"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("must have no query and no fragment"));
        }
        // `Url::set_scheme` refuses nothing between these schemes, but it keeps no port that is a default.
        let rest = &url.as_str()[url.scheme().len()..];
        let url = Url::parse(&format!("{scheme}{rest}")).map_err(|error| wrong(&format!("is invalid: {error}")))?;
        Ok(Self(url))
    }
}

/// A password or a token in an address is not shown.
fn without_secrets(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (Some(_) | None, _) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_below_the_path_of_the_server() {
        for (base, expected) in [
            ("http://localhost:4000", "http://localhost:4000/session"),
            ("https://a.example/", "https://a.example/session"),
            ("wss://a.example/timers/", "https://a.example/timers/session"),
            ("ws://[::1]:4000", "http://[::1]:4000/session"),
            ("wss://a.example:80", "https://a.example:80/session"),
        ] {
            let url: ServerUrl = base.parse().unwrap();
            assert_eq!(url.http("session").as_str(), expected, "{base}");
        }
        let url: ServerUrl = "http://a/timers/".parse().unwrap();
        let path = ["api", "a/b?c d"].map(str::to_owned);
        assert_eq!(url.endpoint(&path).as_str(), "http://a/timers/api/a%2Fb%3Fc%20d");
        let url: ServerUrl = "http://a".parse().unwrap();
        assert_eq!(url.endpoint(&path[..1]).as_str(), "http://a/api");
        let url = url.with_query("session", &[("userId", "a&b=c ü")]);
        assert_eq!(url.as_str(), "http://a/session?userId=a%26b%3Dc+%C3%BC");
    }

    #[test]
    fn an_address_that_is_no_servers_is_refused_with_the_reason_and_without_secrets() {
        for (text, reason) in [
            ("", "is invalid"),
            ("localhost:4000", "must begin with http"),
            ("ftp://a", "must begin with http"),
            ("http://", "is invalid"),
            ("http://ann:secret@a", "must have no user"),
            ("http://a/?token=secret", "must have no query"),
            ("http://a/#secret", "no fragment"),
        ] {
            let error = text.parse::<ServerUrl>().unwrap_err().to_string();
            assert!(error.contains(reason) && !error.contains("secret"), "{text}: {error}");
        }
    }
}
