//! The address of a Redis, and its display form without the password.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use fred::rustls::ClientConfig;
use fred::types::config::{Config, ServerConfig, TlsConnector};

use crate::redis::slot_owners::Address;
use crate::tls;

/// The address of a Redis.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

/// Why a text is not the address of a Redis.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// The scheme is not supported.
    #[error(
        "must begin with redis://, rediss://, redis+sentinel://, rediss+sentinel://, redis+cluster://, \
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
        let url = driver_url(&self.0).expect("the constructor checks it");
        let mut config = Config::from_url(&url).expect("the constructor checks it");
        if self.0.starts_with("rediss") {
            let tls = ClientConfig::builder().with_root_certificates(tls::roots(ca_file)?).with_no_client_auth();
            config.tls = Some(TlsConnector::from(tls).into());
        }
        let ServerConfig::Clustered { hosts, .. } = &config.server else { return Ok(Target::One(config)) };
        let seeds = hosts.iter().map(|server| Address { host: server.host.to_string(), port: server.port });
        Ok(Target::Cluster(seeds.collect(), config))
    }
}

impl FromStr for RedisUrl {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let url = driver_url(text)?;
        Config::from_url(&url).map_err(|error| BadUrl::Rest(error.details().to_owned()))?;
        Ok(Self(text.to_owned()))
    }
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
        assert!("redis://host:6380/2".parse::<RedisUrl>().is_ok());
        assert!("redis+cluster://host:7000?node=other:7001".parse::<RedisUrl>().is_ok());
        assert!("unix:///run/redis.sock".parse::<RedisUrl>().is_ok());
    }
}
