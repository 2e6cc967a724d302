//! What a proxy may spend of an account that others spend from as well.

use tollgate_core::limits::judge::judge;
use tollgate_core::limits::lease::Leases;
use tollgate_core::limits::record::{Record, Vm};
use tollgate_core::limits::reservation::take;
use tollgate_core::limits::rule::{Bound, Limit};
use tollgate_core::limits::terms::Terms;
use tollgate_core::limits::time::Now;
use tollgate_core::limits::window::{Period, Zone};

use crate::account::{DAY, NOON, at, budget, costs};

/// How many requests of 10 fit one after the other.
fn fitting(limits: &[Limit], leases: &Leases, now: Now) -> usize {
    let terms = Terms {
        limits,
        zones: &[Zone::default()],
        leases: Some(leases),
    };
    let mut record = Record::new(1);
    for count in 0.. {
        let verdict = judge(&record, terms, &costs(10), now);
        if verdict.refusals(limits).next().is_some() {
            return count;
        }
        take(&mut record, terms, &verdict, now, Vm::default());
    }
    unreachable!("some limit refuses")
}

#[test]
fn a_lease_is_what_may_be_spent_here() {
    let limits = [budget(Period::Day, 100, &[("a", 50, NOON + DAY)])];
    let Bound::Window {
        counter, raises, ..
    } = &limits[0].bound
    else {
        unreachable!("a budget is of a window");
    };
    let (today, now) = (20_000 * DAY, at(NOON));
    let mut leases = Leases::default();
    assert_eq!(fitting(&limits, &leases, now), 0, "nothing is lent yet");
    leases.lend(*counter, today, 30);
    assert_eq!(fitting(&limits, &leases, now), 3);
    leases.lend(raises[0].counter, 0, 20);
    assert_eq!(fitting(&limits, &leases, now), 5, "and of a raise");
    // A lease is of its window, and never more than the limit.
    assert_eq!(fitting(&limits, &leases, at(NOON + DAY)), 0);
    leases.lend(*counter, today, 1000);
    assert_eq!(fitting(&limits, &leases, now), 12);
}
