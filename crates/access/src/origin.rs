//! Patterns of the browser origins that may use the service.

use std::fmt;
use std::str::FromStr;

/// An allowed origin, or a pattern of allowed origins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OriginPattern {
    /// `*`
    Any,
    /// `null`: pages without an origin, such as files.
    Null,
    /// `https://app.example.com:8443`, `https://*.example.com`, `http://localhost:*`
    Site {
        /// The scheme, in lower case.
        scheme: String,
        /// The host name, or a pattern of host names.
        host: HostPattern,
        /// The port, or any.
        port: PortPattern,
    },
}

/// The host part of an [`OriginPattern`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// This host, in lower case.
    Exact(String),
    /// The direct subdomains of this domain: one label, a dot and the domain.
    Subdomain(String),
}

/// The port part of an [`OriginPattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortPattern {
    /// Every port.
    Any,
    /// The default port of the scheme.
    Default,
    /// This port.
    Exact(u16),
}

impl OriginPattern {
    /// Returns whether a page of any site can have a matching origin.
    pub fn matches_any_site(&self) -> bool {
        matches!(self, Self::Any | Self::Null)
    }

    /// Returns whether an origin, in the notation of a browser, matches.
    pub fn matches(&self, origin: &str) -> bool {
        let Self::Site { scheme, host, port } = self else { return *self == Self::Any || origin == "null" };
        let Some((its_scheme, its_host, its_port)) = split_origin(origin) else { return false };
        let host_matches = match host {
            HostPattern::Exact(host) => *host == its_host,
            HostPattern::Subdomain(rest) => {
                let label = its_host.strip_suffix(rest.as_str()).and_then(|label| label.strip_suffix('.'));
                label.is_some_and(|label| !label.is_empty() && !label.contains('.'))
            }
        };
        let port_matches = match (port, its_port) {
            (PortPattern::Any, _) | (PortPattern::Default, None) => true,
            (PortPattern::Default, Some(its)) => Some(its) == default_port(&its_scheme),
            (PortPattern::Exact(port), its) => its.or_else(|| default_port(&its_scheme)) == Some(*port),
        };
        *scheme == its_scheme && host_matches && port_matches
    }
}

impl FromStr for OriginPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid =
            "it must be an origin such as https://app.example.com, https://*.example.com or http://localhost:*";
        match text {
            "*" => return Ok(Self::Any),
            "null" => return Ok(Self::Null),
            _ => {}
        }
        let (text, any_port) = text.strip_suffix(":*").map_or((text, false), |text| (text, true));
        let (scheme, host, port) = split_origin(text).ok_or(invalid)?;
        let port = match (any_port, port) {
            (true, None) => PortPattern::Any,
            (true, Some(_)) => return Err(invalid.to_owned()),
            (false, None) => PortPattern::Default,
            (false, Some(port)) => PortPattern::Exact(port),
        };
        let host = match host.strip_prefix("*.") {
            Some(rest) => HostPattern::Subdomain(rest.to_owned()),
            None => HostPattern::Exact(host),
        };
        let (HostPattern::Exact(name) | HostPattern::Subdomain(name)) = &host;
        if name.is_empty() || name.contains(['*', '/', '@', ' ']) {
            return Err(invalid.to_owned());
        }
        Ok(Self::Site { scheme, host, port })
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host, port) = match self {
            Self::Any => return f.write_str("*"),
            Self::Null => return f.write_str("null"),
            Self::Site { scheme, host, port } => (scheme, host, port),
        };
        match host {
            HostPattern::Exact(host) => write!(f, "{scheme}://{host}")?,
            HostPattern::Subdomain(rest) => write!(f, "{scheme}://*.{rest}")?,
        }
        match port {
            PortPattern::Any => f.write_str(":*"),
            PortPattern::Default => Ok(()),
            PortPattern::Exact(port) => write!(f, ":{port}"),
        }
    }
}

/// Splits an origin into scheme, host and port.
pub(crate) fn split_origin(origin: &str) -> Option<(String, String, Option<u16>)> {
    let (scheme, authority) = origin.split_once("://")?;
    let (host, port) = split_port(authority)?;
    (!scheme.is_empty()).then(|| (scheme.to_ascii_lowercase(), host, port))
}

/// Splits an authority into host and port; an IPv6 address is in brackets.
pub(crate) fn split_port(authority: &str) -> Option<(String, Option<u16>)> {
    let after_brackets = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority[after_brackets..].rfind(':') {
        Some(at) => {
            let (host, port) = authority.split_at(after_brackets + at);
            (host, Some(port[1..].parse().ok()?))
        }
        None => (authority, None),
    };
    (!host.is_empty()).then(|| (host.to_ascii_lowercase(), port))
}

/// Returns the default port of a scheme.
pub(crate) fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_the_listed_origins_and_no_other() {
        for (pattern, matching, other) in [
            (
                "https://app.example.com",
                &["https://app.example.com", "https://app.example.com:443", "HTTPS://App.Example.com"][..],
                &[
                    "http://app.example.com",
                    "https://app.example.com:8443",
                    "https://app.example.com.evil.org",
                    "https://xapp.example.com",
                    "null",
                    "",
                    "app.example.com",
                ][..],
            ),
            (
                "https://*.example.com",
                &["https://a.example.com"],
                &["https://example.com", "https://a.b.example.com", "https://aexample.com", "https://.example.com"],
            ),
            ("http://localhost:*", &["http://localhost", "http://localhost:5174"], &["http://localhost.evil.org:80"]),
            ("http://[::1]:*", &["http://[::1]:3000"], &["http://[::2]:3000"]),
            ("https://x.org:8443", &["https://x.org:8443"], &["https://x.org", "https://x.org:443"]),
            ("https://x.org:443", &["https://x.org"], &["https://x.org:444", "https://x.org:x"]),
            ("chrome-extension://abc", &["chrome-extension://abc"], &["chrome-extension://abd"]),
            ("null", &["null"], &["https://null", "x"]),
            ("*", &["https://any.thing", "null", "x"], &[]),
        ] {
            let parsed: OriginPattern = pattern.parse().unwrap();
            assert_eq!(parsed.to_string(), pattern);
            matching.iter().for_each(|origin| assert!(parsed.matches(origin), "{pattern} matches {origin}"));
            other.iter().for_each(|origin| assert!(!parsed.matches(origin), "{pattern} does not match {origin}"));
        }
        for bad in ["", "example.com", "https://", "https://*", "https://a.*.com", "https://a/b", "https://a:1:*"] {
            assert!(bad.parse::<OriginPattern>().is_err(), "{bad}");
        }
    }
}
