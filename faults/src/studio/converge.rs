//! The conditions of convergence for organisations, and their lists at the end.

use std::collections::{BTreeMap, BTreeSet};

use harness::http;
use serde_json::Value;

use super::{Member, MemberState};
use crate::oracle::SuspendedInvariants;
use crate::oracle::organizations::missing;
use crate::target::Target;

/// The results of `timeEntries.list` by organisation, one of each node.
pub(crate) type Lists = BTreeMap<usize, Vec<Value>>;

/// Returns the unmet conditions: every member is connected, has all its answers, and has received all events.
pub(crate) fn unmet_conditions(members: &[Member], suspended: SuspendedInvariants) -> Vec<String> {
    let mut unmet: Vec<String> = members.iter().filter_map(|member| unmet_condition(&member.state())).collect();
    if unmet.is_empty() && !suspended.durability {
        let records: Vec<_> = members.iter().map(Member::record).collect();
        unmet.extend(missing(&records));
    }
    unmet
}

fn unmet_condition(state: &MemberState) -> Option<String> {
    let client = &state.record.client;
    if !state.is_connected {
        return Some(format!("{client} is not connected"));
    }
    state.pending.as_ref().map(|request| format!("{client} has no answer to {request}"))
}

/// Lists all entries of each organisation at each node.
///
/// # Panics
/// If a node does not answer.
pub(crate) async fn lists(target: &Target, members: &[Member]) -> Lists {
    let organizations: BTreeSet<usize> = members.iter().map(|member| member.organization).collect();
    let mut lists = Lists::new();
    for organization in organizations {
        for node in &target.nodes {
            let id = organization.to_string();
            let headers = [("x-test-user-id", "0"), ("x-test-org-id", id.as_str())];
            let path = "/api/trpc/timeTracking.timeEntries.list";
            let response = http::request(node.public, "GET", path, &headers, b"").await;
            let response = response.unwrap_or_else(|error| panic!("organisation {organization}: {error}"));
            assert_eq!(response.status, 200, "{response:?}");
            lists.entry(organization).or_default().push(response.json()["result"]["data"].clone());
        }
    }
    lists
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;
    use serde_json::json;

    #[test]
    fn a_member_has_converged_when_it_is_connected_and_has_its_answers() {
        let state =
            |is_connected, pending| MemberState { record: Record::example([]), calls: vec![], is_connected, pending };
        assert_eq!(unmet_condition(&state(true, None)), None);
        assert!(unmet_condition(&state(false, None)).unwrap().contains("not connected"));
        assert!(unmet_condition(&state(true, Some(json!({})))).unwrap().contains("no answer"));
    }
}
