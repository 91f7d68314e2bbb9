//! The address of a Redis, and its display form without the password.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use fred::types::config::{Config, ServerConfig, TlsConnector};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::redis::slot_owners::Address;
use crate::redis::url_parameters;
use crate::tls;

/// The address of a Redis.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

/// Why a text is not the address of a Redis.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// The scheme is not supported.
    #[error(
        "it must begin with redis://, rediss://, redis+sentinel://, rediss+sentinel://, redis+cluster://, \
         rediss+cluster:// or unix://"
    )]
    Scheme,
    /// The part after the scheme is invalid.
    #[error("{0}")]
    Rest(String),
}

/// The servers that an address refers to.
pub(crate) enum Target {
    /// One server, or the primary named by Sentinel.
    One(Config),
    /// The primaries of a cluster, with the seed servers; the configuration is the same for all.
    Cluster(Vec<Address>, Config),
}

impl RedisUrl {
    /// Returns the driver's configuration. Over TLS, the certificates in `ca_file` are trusted too.
    ///
    /// # Errors
    /// A description of the problem with the file.
    pub(crate) fn target(&self, ca_file: Option<&Path>) -> Result<Target, String> {
        let mut config = driver_config(&self.0).expect("the constructor checks it");
        if self.0.starts_with("rediss") {
            config.tls = Some(TlsConnector::from(tls::client_config(ca_file)?).into());
        }
        let ServerConfig::Clustered { hosts, .. } = &config.server else { return Ok(Target::One(config)) };
        let seeds = hosts.iter().map(|server| Address { host: server.host.to_string(), port: server.port });
        Ok(Target::Cluster(seeds.collect(), config))
    }
}

impl FromStr for RedisUrl {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        driver_config(text)?;
        url_parameters::check(text).map_err(BadUrl::Rest)?;
        Ok(Self(text.to_owned()))
    }
}

/// Returns the driver's configuration, without TLS.
fn driver_config(text: &str) -> Result<Config, BadUrl> {
    let mut url = Url::parse(&driver_url(text)?).map_err(|error| BadUrl::Rest(error.to_string()))?;
    let user = hello_word(&percent_decode_str(url.username()).collect::<Vec<u8>>());
    let password = hello_word(&percent_decode_str(url.password().unwrap_or_default()).collect::<Vec<u8>>());
    // The driver decodes UTF-8 only. Without a host there are no credentials to remove.
    url.set_username("").and_then(|()| url.set_password(None)).ok();
    if url.query_pairs().any(|(_, value)| value.contains(char::REPLACEMENT_CHARACTER)) {
        return Err(BadUrl::Rest("a parameter is not UTF-8".to_owned()));
    }
    let config = Config::from_url(url.as_str()).map_err(|error| BadUrl::Rest(error.details().to_owned()))?;
    // The driver would ignore the database.
    if matches!(config.server, ServerConfig::Clustered { .. }) && !matches!(url.path(), "" | "/" | "/0") {
        return Err(BadUrl::Rest(
            "a Redis Cluster has only database 0; use a prefix instead (store.prefix)".to_owned(),
        ));
    }
    Ok(Config { username: user, password, ..config })
}

/// Returns a user name or a password in the form that the driver must send; `None` if it is empty.
///
/// The driver sends HELLO as a line of words without quoting them. Redis splits such a line at white space, and
/// resolves quotes and escapes; so the word is quoted here unless every byte stands for itself.
fn hello_word(bytes: &[u8]) -> Option<String> {
    if bytes.is_empty() {
        return None;
    }
    if bytes.iter().all(|byte| byte.is_ascii_graphic() && !b"\"'".contains(byte)) {
        return Some(bytes.iter().copied().map(char::from).collect());
    }
    let quoted = bytes.iter().map(|byte| match byte {
        byte if byte.is_ascii_graphic() && !b"\"\\".contains(byte) => char::from(*byte).to_string(),
        byte => format!("\\x{byte:02x}"),
    });
    Some(format!("\"{}\"", quoted.collect::<String>()))
}

/// The driver spells the schemes differently.
fn driver_url(text: &str) -> Result<String, BadUrl> {
    let Some((scheme, rest)) = text.split_once("://") else { return Err(BadUrl::Scheme) };
    let scheme = match scheme {
        "redis" | "rediss" => scheme,
        "redis+sentinel" => "redis-sentinel",
        "rediss+sentinel" => "rediss-sentinel",
        "unix" => "redis+unix",
        "redis+cluster" => "redis-cluster",
        "rediss+cluster" => "rediss-cluster",
        _ => return Err(BadUrl::Scheme),
    };
    Ok(format!("{scheme}://{rest}"))
}

impl fmt::Display for RedisUrl {
    /// Writes the address without its password and other secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(&self.0))
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

fn redacted(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "***".to_owned() };
    let (authority, path) = rest.find(['/', '?', '#']).map_or((rest, ""), |at| rest.split_at(at));
    let host = match authority.rsplit_once('@') {
        Some((login, host)) => {
            let user = login.split_once(':').map_or("", |(user, _)| user);
            format!("{user}:***@{host}")
        }
        None => authority.to_owned(),
    };
    let path = path.split_once('?').map_or(path.to_owned(), |(path, query)| {
        let kept = query.split('&').map(|pair| match pair.split_once('=') {
            Some((name, _)) if name.to_ascii_lowercase().contains("password") => format!("{name}=***"),
            Some(_) | None => pair.to_owned(),
        });
        format!("{path}?{}", kept.collect::<Vec<_>>().join("&"))
    });
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_redacted() {
        for (url, expected) in [
            ("redis://127.0.0.1:6379", "redis://127.0.0.1:6379"),
            ("redis://:s3cret@host:6379/1", "redis://:***@host:6379/1"),
            ("rediss://ann:s3c@ret@host", "rediss://ann:***@host"),
            ("redis://token@host", "redis://:***@host"),
            (
                "redis+sentinel://ann:x@h:26379/0?sentinelServiceName=m&sentinelPassword=s3cret",
                "redis+sentinel://ann:***@h:26379/0?sentinelServiceName=m&sentinelPassword=***",
            ),
            ("unix:///run/redis.sock", "unix:///run/redis.sock"),
        ] {
            assert_eq!(redacted(url), expected);
        }
    }

    #[test]
    fn an_invalid_address_is_rejected_with_its_reason() {
        assert_eq!("http://host".parse::<RedisUrl>(), Err(BadUrl::Scheme));
        assert!(matches!("redis://host:port".parse::<RedisUrl>(), Err(BadUrl::Rest(_))));
        assert!(matches!("redis://host:6380?db=2".parse::<RedisUrl>(), Err(BadUrl::Rest(_))));
        assert!("redis://host:6380/2".parse::<RedisUrl>().is_ok());
        assert!("redis+cluster://host:7000?node=other:7001".parse::<RedisUrl>().is_ok());
        assert!("redis+cluster://host:7000/0".parse::<RedisUrl>().is_ok());
        assert!(matches!("redis+cluster://host:7000/1".parse::<RedisUrl>(), Err(BadUrl::Rest(_))));
        assert!("unix:///run/redis.sock".parse::<RedisUrl>().is_ok());
        let sentinel = "redis+sentinel://h?sentinelServiceName=m&sentinelPassword=";
        assert!(format!("{sentinel}%C3%BC").parse::<RedisUrl>().is_ok());
        assert!(matches!(format!("{sentinel}%FF").parse::<RedisUrl>(), Err(BadUrl::Rest(_))));
    }

    #[test]
    fn credentials_are_quoted_unless_every_byte_stands_for_itself() {
        let check = |encoded: &str, expected: Option<&str>| {
            let config = driver_config(&format!("redis://{encoded}:{encoded}@host")).unwrap();
            assert_eq!((config.username.as_deref(), config.password.as_deref()), (expected, expected), "{encoded}");
        };
        check("", None);
        check("p\\%2F%3A%40+%25", Some("p\\/:@+%"));
        check("two%20words", Some(r#""two\x20words""#));
        check("%09%0d%0a%00", Some(r#""\x09\x0d\x0a\x00""#));
        check("%22%27%5c%20", Some(r#""\x22'\x5c\x20""#));
        check("%C3%BC%FF", Some(r#""\xc3\xbc\xff""#));
    }
}
