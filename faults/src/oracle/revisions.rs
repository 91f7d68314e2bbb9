//! What a client is shown never becomes older.

use crate::oracle::Laws;
use crate::record::Record;
use crate::view::View;

/// Finds falls of the revision that a client sees, on one connection and from one to the next.
pub(super) fn check(record: &Record, laws: Laws) -> Vec<String> {
    if laws.store_forgets {
        return vec![];
    }
    let mut violations = Vec::new();
    let mut view = View::default();
    for message in record.heard() {
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
    use crate::record::What;
    use serde_json::json;

    #[test]
    fn a_revision_may_stay_and_rise() {
        assert_eq!(of(&[3, 3, 4], Laws::default()), 0);
    }

    #[test]
    fn a_fall_is_found_unless_the_store_forgets() {
        assert_eq!(of(&[3, 4, 3], Laws::default()), 1);
        assert_eq!(of(&[3, 4, 3], Laws { store_forgets: true, ..Laws::default() }), 0);
    }

    fn of(revs: &[u64], laws: Laws) -> usize {
        let ready = |rev: &u64| What::Heard(json!({ "type": "ready", "payload": [], "rev": rev }));
        check(&Record::made_up(revs.iter().map(ready)), laws).len()
    }
}
