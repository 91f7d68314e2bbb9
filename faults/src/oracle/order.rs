//! The revision that a client sees never decreases.

use crate::oracle::SuspendedInvariants;
use crate::record::Record;
use crate::view::View;

/// Returns decreases of the revision, on one connection and across connections.
pub(super) fn check(record: &Record, suspended: SuspendedInvariants) -> Vec<String> {
    if suspended.durability {
        return vec![];
    }
    let mut violations = Vec::new();
    let mut view = View::default();
    for message in record.received() {
        let before = view.rev;
        if view.apply(message) && view.rev < before {
            violations.push(format!("older: rev {before}, then {message}"));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Event;
    use serde_json::json;

    #[test]
    fn a_revision_may_stay_or_increase() {
        assert_eq!(of(&[3, 3, 4], SuspendedInvariants::default()), 0);
    }

    #[test]
    fn a_decrease_is_found_unless_the_invariant_is_suspended() {
        assert_eq!(of(&[3, 4, 3], SuspendedInvariants::default()), 1);
        assert_eq!(of(&[3, 4, 3], SuspendedInvariants { durability: true, ..SuspendedInvariants::default() }), 0);
    }

    fn of(revs: &[u64], suspended: SuspendedInvariants) -> usize {
        let ready = |rev: &u64| Event::Received(json!({ "type": "ready", "payload": [], "rev": rev }));
        check(&Record::example(revs.iter().map(ready)), suspended).len()
    }
}
