//! The parameters of a Redis address. The driver ignores those that it does not know, so a mistake would use other data.

/// Parameters of the addresses of Sentinel.
const OF_SENTINEL: [&str; 4] = ["node", "sentinelServiceName", "sentinelUsername", "sentinelPassword"];

/// Parameters of the addresses of a cluster.
const OF_CLUSTER: [&str; 1] = ["node"];

/// Names under which other clients take the number of the database.
const DATABASE: [&str; 2] = ["db", "database"];

/// Checks that an address has known parameters only. The error describes what to write instead, without quoting what may be
/// a part of a password.
pub(crate) fn check(address: &str) -> Result<(), String> {
    let (scheme, rest) = address.split_once("://").unwrap_or_default();
    if rest.contains('#') {
        return Err("it must not contain #, which is written %23 in a password".to_owned());
    }
    let known: &[&str] = match scheme {
        "redis+sentinel" | "rediss+sentinel" => &OF_SENTINEL,
        "redis+cluster" | "rediss+cluster" => &OF_CLUSTER,
        _ => &[],
    };
    let parameters = rest.split_once('?').map_or("", |(_, parameters)| parameters);
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, has_value) = parameter.split_once('=').map_or((parameter, false), |(name, _)| (name, true));
        if known.contains(&name) {
            continue;
        }
        if DATABASE.iter().any(|database| name.eq_ignore_ascii_case(database)) {
            return Err(format!("it has the parameter {name}, but {}", how_to_choose_a_database(scheme)));
        }
        let is_a_name = has_value && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        let name = if is_a_name { format!("the unknown parameter {name}") } else { "an unknown parameter".to_owned() };
        return Err(format!("it has {name}"));
    }
    Ok(())
}

fn how_to_choose_a_database(scheme: &str) -> &'static str {
    match scheme {
        "redis+cluster" | "rediss+cluster" => "a Redis Cluster has only database 0; use store.prefix instead",
        "unix" => "only database 0 can be used over a Unix socket; use store.prefix instead",
        _ => "the database is written as the path: redis://host:6379/3",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_parameter_is_refused() {
        for valid in [
            "redis://host:6379/3",
            "redis://host/?",
            "unix:///run/redis.sock",
            "redis+cluster://host:7000?node=other:7001&node=third:7002",
            "rediss+sentinel://h/1?sentinelServiceName=m&sentinelUsername=u&sentinelPassword=p&node=o:1",
        ] {
            assert_eq!(check(valid), Ok(()), "{valid}");
        }
        for (refused, reason) in [
            ("redis://host:6379?db=3", "redis://host:6379/3"),
            ("rediss://host:6379/1?DB=3", "redis://host:6379/3"),
            ("redis+sentinel://h?sentinelServiceName=m&database=3", "redis://host:6379/3"),
            ("redis+cluster://h:1?db=3", "only database 0"),
            ("unix:///run/redis.sock?db=3", "Unix socket"),
            ("redis://host?protocol=resp3", "parameter protocol"),
            ("redis://host?node=other:1", "parameter node"),
            ("rediss://host#insecure", "#"),
        ] {
            let error = check(refused).unwrap_err();
            assert!(error.contains(reason), "{refused}: {error}");
        }
        for secret in ["redis://:x?s3cret@host", "redis://h?s3cret", "redis://h?a:s3cret=", "redis://h?password=s3cret"]
        {
            assert!(!check(secret).unwrap_err().contains("s3cret"), "{secret}");
        }
    }
}
