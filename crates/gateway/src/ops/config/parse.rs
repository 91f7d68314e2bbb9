//! Readers of the common types of settings: counts, durations, addresses, networks.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::ops::config::Reader;

/// Implements `FromStr` and `Display` for an enum of settings.
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

pub(crate) use words;

pub(crate) fn address(reader: &mut Reader, key: &str, default: &str) -> SocketAddr {
    let parse =
        |text: &str| text.parse().map_err(|_| "it must be an IP address and a port, such as 127.0.0.1:4000".to_owned());
    reader.value(key, default.parse().expect("the default is an address"), parse)
}

pub(crate) fn count(reader: &mut Reader, key: &str, default: usize) -> usize {
    reader.value(key, default, |text| match text.parse() {
        Ok(0) | Err(_) => Err("it must be a whole number above 0".to_owned()),
        Ok(count) => Ok(count),
    })
}

/// Reads a count with an upper limit.
pub(crate) fn count_up_to(reader: &mut Reader, key: &str, default: usize, max: usize) -> usize {
    reader.value(key, default, |text| match text.parse() {
        Ok(count) if (1..=max).contains(&count) => Ok(count),
        Ok(_) | Err(_) => Err(format!("it must be a whole number from 1 to {max}")),
    })
}

/// Reads an optional text.
pub(crate) fn text(reader: &mut Reader, key: &str) -> Option<String> {
    let text = reader.value(key, String::new(), |text| Ok(text.to_owned()));
    (!text.is_empty()).then_some(text)
}

pub(crate) fn networks(reader: &mut Reader, key: &str, default: &[&str]) -> Vec<IpNet> {
    let default = default.iter().map(|network| network.parse().expect("the default is a network")).collect();
    reader.list(key, default, |text| {
        let alone = || text.parse::<IpAddr>().map(IpNet::from).ok();
        let network = text.parse().ok().or_else(alone);
        network.ok_or_else(|| "it must be an IP address or a network such as 10.0.0.0/8".to_owned())
    })
}

/// Parses a host name, and returns it in lower case.
pub(crate) fn host_name(text: &str) -> Result<String, String> {
    let is_label =
        |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if text.split('.').all(is_label) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("it must be a host name without a port, such as tickcast.example.com".to_owned())
}

pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "it must be true or false".to_owned())
}

/// A duration in its written form: `25s`, `1m 30s`, `12h`.
struct WrittenDuration(jiff::SignedDuration);

impl fmt::Display for WrittenDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

pub(crate) fn span(reader: &mut Reader, key: &str, default: Duration) -> Duration {
    let default = WrittenDuration(jiff::SignedDuration::try_from(default).expect("defaults are short"));
    reader.value(key, default, parse_duration).0.unsigned_abs()
}

/// Parses a duration.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map(|duration| duration.0.unsigned_abs())
}

fn parse_duration(text: &str) -> Result<WrittenDuration, String> {
    match text.parse::<jiff::SignedDuration>() {
        Ok(duration) if !duration.is_negative() => Ok(WrittenDuration(duration)),
        Ok(_) | Err(_) => Err("it must be a duration such as 25s, 500ms or 12h".to_owned()),
    }
}

/// Reads an interval or a timeout of at least one second.
pub(crate) fn period(reader: &mut Reader, key: &str, default: Duration) -> Duration {
    let period = span(reader, key, default);
    if period < Duration::from_secs(1) {
        reader.error(key, "must be at least 1s");
    }
    period
}

pub(crate) fn millis(duration: Duration) -> timers::Millis {
    timers::Millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// Parses a name that becomes part of keys, channels and log lines.
pub(crate) fn prefix(text: &str) -> Result<String, String> {
    let good = !text.is_empty() && text.len() <= 64;
    let good = good && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_:.".contains(letter));
    if good { Ok(text.to_owned()) } else { Err("it must be 1 to 64 characters of a-z, A-Z, 0-9, - _ : .".to_owned()) }
}

/// Parses a log level or filter.
pub(crate) fn level(text: &str) -> Result<String, String> {
    // `EnvFilter` would take a misspelt level for the name of a module.
    let levels = text.split(',').map(|directive| directive.rsplit_once('=').map_or(directive, |(_, level)| level));
    let mut levels = levels.map(str::trim);
    let are_levels = levels.all(|level| !level.is_empty() && level.parse::<LevelFilter>().is_ok());
    if are_levels && EnvFilter::try_new(text).is_ok() {
        Ok(text.to_owned())
    } else {
        Err("it must be error, warn, info, debug, trace or off, or a filter such as info,store=debug".to_owned())
    }
}
