//! How budgets of organizations and teams stand, for all to see: read from their records on the tick,
//! so that no request pays for it, and windows that end without one are seen to end.

use tollgate_core::limits::record::Record;
use tollgate_core::limits::standing;
use tollgate_core::limits::time::{Now, SECOND};
use tollgate_core::policy::Policy;

use crate::accounts::record_key;
use crate::{shared_data, vm};

/// Accounts that are looked at in each tick: all of them, one after the other.
const AT_A_TIME: usize = 64;

/// Looks at the policy's accounts from this one on; returns which is next.
pub(crate) fn show(policy: &Policy, from: usize, now: Now) -> usize {
    let mut seen: usize = 0;
    for account in policy.shared_accounts().skip(from).take(AT_A_TIME) {
        seen = seen.saturating_add(1);
        let Some((value, _)) = shared_data::read(&record_key(account.name)) else {
            continue;
        };
        let Ok(record) = Record::decode(&value) else {
            continue;
        };
        let since = record.epoch / SECOND;
        for (rule, permille) in standing::budgets(&record, account.terms, now) {
            vm::with_metrics(|metrics| metrics.set_budget(rule, permille, since));
        }
    }
    match seen {
        AT_A_TIME => from.saturating_add(seen),
        _ => 0,
    }
}
