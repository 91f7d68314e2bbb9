//! Settings of the kinds that there are many of: counts, spans, files, addresses, networks.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use crate::config::Reader;

/// Gives an enum of settings its words.
macro_rules! words {
    ($kind:ident { $($word:literal => $variant:ident),+ $(,)? }) => {
        impl std::str::FromStr for $kind {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(format!("it must be one of {}", [$($word),+].join(", "))),
                }
            }
        }

        impl std::fmt::Display for $kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $word,)+
                })
            }
        }
    };
}

pub(super) use words;

pub(super) fn address(reader: &mut Reader, key: &str, default: &str) -> SocketAddr {
    let parse =
        |text: &str| text.parse().map_err(|_| "it must be an IP address and a port, such as 127.0.0.1:4000".to_owned());
    reader.value(key, default.parse().expect("the default is an address"), parse)
}

pub(super) fn count(reader: &mut Reader, key: &str, default: usize) -> usize {
    reader.value(key, default, |text| match text.parse() {
        Ok(0) | Err(_) => Err("it must be a whole number above 0".to_owned()),
        Ok(count) => Ok(count),
    })
}

/// A file that may be named or not.
pub(super) fn file(reader: &mut Reader, key: &str) -> Option<PathBuf> {
    let named = reader.value(key, String::new(), |text| {
        if text.is_empty() || Path::new(text).is_file() {
            Ok(text.to_owned())
        } else {
            Err("there is no such file".to_owned())
        }
    });
    (!named.is_empty()).then(|| named.into())
}

/// A text that may be there or not.
pub(super) fn text(reader: &mut Reader, key: &str) -> Option<String> {
    let text = reader.value(key, String::new(), |text| Ok(text.to_owned()));
    (!text.is_empty()).then_some(text)
}

pub(super) fn networks(reader: &mut Reader, key: &str, default: &[&str]) -> Vec<IpNet> {
    let default = default.iter().map(|network| network.parse().expect("the default is a network")).collect();
    reader.list(key, default, |text| {
        let alone = || text.parse::<IpAddr>().map(IpNet::from).ok();
        let network = text.parse().ok().or_else(alone);
        network.ok_or_else(|| "it must be an address or a network, such as 10.0.0.0/8".to_owned())
    })
}

pub(super) fn boolean(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "it must be true or false".to_owned())
}

/// A span as it is written: `25s`, `1m 30s`, `12h`.
struct Span(jiff::SignedDuration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

pub(super) fn span(reader: &mut Reader, key: &str, default: Duration) -> Duration {
    let default = Span(jiff::SignedDuration::try_from(default).expect("defaults are short"));
    reader.value(key, default, read_span).0.unsigned_abs()
}

/// Reads a span as it is written.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    read_span(text).map(|span| span.0.unsigned_abs())
}

fn read_span(text: &str) -> Result<Span, String> {
    match text.parse::<jiff::SignedDuration>() {
        Ok(span) if !span.is_negative() => Ok(Span(span)),
        Ok(_) | Err(_) => Err("it must be a span of time such as 25s, 500ms or 12h".to_owned()),
    }
}

/// A span that is done again and again after.
pub(super) fn period(reader: &mut Reader, key: &str, default: Duration) -> Duration {
    let period = span(reader, key, default);
    if period < Duration::from_secs(1) {
        reader.mistake(key, "must be at least 1s");
    }
    period
}

pub(super) fn millis(span: Duration) -> timers::Millis {
    timers::Millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// A part of keys, channels and logs.
pub(super) fn prefix(text: &str) -> Result<String, String> {
    let good = !text.is_empty() && text.len() <= 64;
    let good = good && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_:.".contains(letter));
    if good { Ok(text.to_owned()) } else { Err("it must be 1 to 64 of a-z, A-Z, 0-9, - _ : .".to_owned()) }
}
