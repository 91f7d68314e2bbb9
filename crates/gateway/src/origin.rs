//! Whose pages may use the service from a browser.

use std::fmt;
use std::str::FromStr;

/// Origins that are admitted: one, or all of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `*`
    Any,
    /// `null`: pages without an origin, such as files.
    Null,
    /// `https://app.example.com:8443`, `https://*.example.com`, `http://localhost:*`
    Of { scheme: String, host: Host, port: Port },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Exactly(String),
    /// One label, a dot and this.
    Below(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    Any,
    /// That of the scheme.
    Usual,
    Exactly(u16),
}

impl Origin {
    /// Tells whether anybody can have it.
    pub(crate) fn is_anybodys(&self) -> bool {
        matches!(self, Self::Any | Self::Null)
    }

    /// Tells whether an origin, as a browser writes it, is admitted.
    pub(crate) fn admits(&self, origin: &str) -> bool {
        let Self::Of { scheme, host, port } = self else { return *self == Self::Any || origin == "null" };
        let Some((its_scheme, its_host, its_port)) = split(origin) else { return false };
        let host_fits = match host {
            Host::Exactly(host) => *host == its_host,
            Host::Below(rest) => {
                let label = its_host.strip_suffix(rest.as_str()).and_then(|label| label.strip_suffix('.'));
                label.is_some_and(|label| !label.is_empty() && !label.contains('.'))
            }
        };
        let port_fits = match (port, its_port) {
            (Port::Any, _) | (Port::Usual, None) => true,
            (Port::Usual, Some(its)) => Some(its) == usual_port(&its_scheme),
            (Port::Exactly(port), its) => its.or_else(|| usual_port(&its_scheme)) == Some(*port),
        };
        *scheme == its_scheme && host_fits && port_fits
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = "it must be an origin such as https://app.example.com, https://*.example.com or http://localhost:*";
        match text {
            "*" => return Ok(Self::Any),
            "null" => return Ok(Self::Null),
            _ => {}
        }
        let (text, any_port) = text.strip_suffix(":*").map_or((text, false), |text| (text, true));
        let (scheme, host, port) = split(text).ok_or(wrong)?;
        let port = match (any_port, port) {
            (true, None) => Port::Any,
            (true, Some(_)) => return Err(wrong.to_owned()),
            (false, None) => Port::Usual,
            (false, Some(port)) => Port::Exactly(port),
        };
        let host = match host.strip_prefix("*.") {
            Some(rest) => Host::Below(rest.to_owned()),
            None => Host::Exactly(host),
        };
        let (Host::Exactly(name) | Host::Below(name)) = &host;
        if name.is_empty() || name.contains(['*', '/', '@', ' ']) {
            return Err(wrong.to_owned());
        }
        Ok(Self::Of { scheme, host, port })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host, port) = match self {
            Self::Any => return f.write_str("*"),
            Self::Null => return f.write_str("null"),
            Self::Of { scheme, host, port } => (scheme, host, port),
        };
        match host {
            Host::Exactly(host) => write!(f, "{scheme}://{host}")?,
            Host::Below(rest) => write!(f, "{scheme}://*.{rest}")?,
        }
        match port {
            Port::Any => f.write_str(":*"),
            Port::Usual => Ok(()),
            Port::Exactly(port) => write!(f, ":{port}"),
        }
    }
}

/// Splits an origin into scheme, host and port.
pub(crate) fn split(origin: &str) -> Option<(String, String, Option<u16>)> {
    let (scheme, authority) = origin.split_once("://")?;
    let (host, port) = split_port(authority)?;
    (!scheme.is_empty()).then(|| (scheme.to_ascii_lowercase(), host, port))
}

/// Splits host and port; an IPv6 address is in brackets.
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

pub(crate) fn usual_port(scheme: &str) -> Option<u16> {
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
    fn a_pattern_admits_what_it_says_and_nothing_else() {
        for (pattern, admitted, refused) in [
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
            let parsed: Origin = pattern.parse().unwrap();
            assert_eq!(parsed.to_string(), pattern);
            admitted.iter().for_each(|origin| assert!(parsed.admits(origin), "{pattern} admits {origin}"));
            refused.iter().for_each(|origin| assert!(!parsed.admits(origin), "{pattern} refuses {origin}"));
        }
        for bad in ["", "example.com", "https://", "https://*", "https://a.*.com", "https://a/b", "https://a:1:*"] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }
}
