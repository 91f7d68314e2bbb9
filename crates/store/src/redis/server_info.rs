//! What a server tells of itself by INFO.

use engine::store::{Capacity, Persistence, ServerDetails};
use fred::types::InfoKind;

/// The sections of INFO that [`details`] reads.
pub(crate) fn sections() -> [InfoKind; 4] {
    [InfoKind::Server, InfoKind::Replication, InfoKind::Memory, InfoKind::Persistence]
}

/// Returns the value of a field in a reply of INFO.
pub(crate) fn field<'i>(info: &'i str, name: &str) -> Option<&'i str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// Reads what the sections tell.
pub(crate) fn details(info: &str) -> ServerDetails {
    let text = |name| field(info, name).map(str::to_owned);
    ServerDetails {
        version: version(info),
        role: text("role"),
        replicas: number(info, "connected_slaves"),
        memory_policy: text("maxmemory_policy"),
        capacity: capacity(info),
        persistence: persistence(info),
    }
}

/// Returns the name and the version of the program. Valkey names a version of Redis too, for old clients.
fn version(info: &str) -> Option<String> {
    let named = |name: &str, key: &str| field(info, key).map(|version| format!("{name} {version}"));
    named("Valkey", "valkey_version").or_else(|| named("Redis", "redis_version"))
}

/// Returns how full a server is: of `maxmemory`, or of the memory of its machine if that is not limited.
fn capacity(info: &str) -> Option<Capacity> {
    let limits = ["maxmemory", "total_system_memory"].into_iter().filter_map(|name| number(info, name));
    let limit = limits.into_iter().find(|limit| *limit > 0)?;
    Some(Capacity { used: number(info, "used_memory")?, limit })
}

fn persistence(info: &str) -> Option<Persistence> {
    let is_append_only = field(info, "aof_enabled")? == "1";
    let is_failing = |name| field(info, name).is_some_and(|status| status != "ok");
    Some(Persistence {
        is_append_only,
        is_append_failing: is_append_only && is_failing("aof_last_write_status"),
        is_snapshot_failing: is_failing("rdb_last_bgsave_status"),
        unsaved_changes: number(info, "rdb_changes_since_last_save").unwrap_or_default(),
        saved_at: number(info, "rdb_last_save_time"),
    })
}

fn number(info: &str, name: &str) -> Option<u64> {
    field(info, name)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_measured_against_its_limit_or_that_of_the_machine() {
        let info = |maxmemory: &str| {
            format!(
                "# Memory\r\nused_memory:300\r\nused_memory_human:300B\r\ntotal_system_memory:1000\r\n{maxmemory}maxmemory_policy:noeviction\r\n"
            )
        };
        assert_eq!(capacity(&info("maxmemory:400\r\n")), Some(Capacity { used: 300, limit: 400 }));
        assert_eq!(capacity(&info("maxmemory:0\r\n")), Some(Capacity { used: 300, limit: 1000 }));
        assert_eq!(capacity("used_memory:1\r\n"), None);
        assert_eq!(capacity(""), None);
    }

    #[test]
    fn a_failing_disk_is_told_and_what_a_server_leaves_out_is_unknown() {
        let info = "redis_version:7.0.15\r\nrole:master\r\nconnected_slaves:2\r\naof_enabled:1\r\n\
                    aof_last_write_status:err\r\nrdb_last_bgsave_status:ok\r\nrdb_last_save_time:1764448000\r\n\
                    rdb_changes_since_last_save:7\r\n";
        let told = details(info);
        assert_eq!(
            (told.version.as_deref(), told.role.as_deref(), told.replicas),
            (Some("Redis 7.0.15"), Some("master"), Some(2))
        );
        let persistence = Persistence {
            is_append_only: true,
            is_append_failing: true,
            is_snapshot_failing: false,
            unsaved_changes: 7,
            saved_at: Some(1_764_448_000),
        };
        assert_eq!(told.persistence, Some(persistence));
        assert_eq!(details("redis_version:7.2.4\r\nvalkey_version:9.1.2\r\n").version.as_deref(), Some("Valkey 9.1.2"));
        assert_eq!(details(""), ServerDetails::default());
    }
}
