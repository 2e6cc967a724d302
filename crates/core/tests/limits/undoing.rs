//! What happens where others are always first, or a record can't be read in the middle.

use tollgate_core::limits::rule::Bound;
use tollgate_core::limits::settling::Failure;
use tollgate_core::limits::shared::{MOST_TRIES, Operation, Transaction as _};
use tollgate_core::limits::taken::Outcome;
use tollgate_core::limits::taking::{Inputs, Taking};
use tollgate_core::limits::terms::Terms;
use tollgate_core::limits::vms::Vms;

use crate::account::{Account, NOON, VM, at, costs, limit};

#[test]
fn whoever_always_comes_second_gives_up_and_leaves_nothing() {
    let limits = [limit(Bound::Concurrency(1))];
    let terms = [Terms {
        limits: &limits,
        zones: &[],
        leases: None,
    }; 2];
    let vms = Vms::default();
    let mut taking = Taking::new(Inputs {
        terms: &terms,
        demand: costs(1),
        now: at(NOON),
        vm: VM,
        vms: &vms,
    });
    let mut first = Account::default();
    let mut refused_writes = 0;
    while let Some(operation) = taking.next() {
        match operation {
            Operation::Read(0) => taking.read(first.found.clone()),
            Operation::Read(_) => taking.read(None),
            Operation::Write {
                account: 0, value, ..
            } => {
                first.found = Some((value.to_vec(), 1));
                taking.wrote(true);
            }
            Operation::Write { .. } => {
                refused_writes += 1;
                taking.wrote(false);
            }
        }
    }
    assert_eq!(taking.finish().outcome, Outcome::Busy);
    assert_eq!(refused_writes, MOST_TRIES);
    assert!(first.take(&limits, costs(1), at(NOON)).is_ok());
}

/// What is taken and can't be given back is never forgotten, though all is looked at once more.
#[test]
fn what_can_not_be_undone_is_handed_over() {
    let limits = [limit(Bound::Concurrency(1))];
    let terms = [Terms {
        limits: &limits,
        zones: &[],
        leases: None,
    }; 2];
    let vms = Vms::default();
    let mut first = Account::default();
    let mut second = Account::default();
    let running = second.take(&limits, costs(1), at(NOON)).unwrap();
    let full = second.found.clone();
    second.settle(&limits, &running, 0, at(NOON));
    let mut taking = Taking::new(Inputs {
        terms: &terms,
        demand: costs(1),
        now: at(NOON),
        vm: VM,
        vms: &vms,
    });
    let mut reads = [0, 0];
    while let Some(operation) = taking.next() {
        match operation {
            Operation::Read(0) => {
                reads[0] += 1;
                let is_undo = reads[0] == 2;
                let unreadable = Some((vec![99], 1));
                taking.read(if is_undo {
                    unreadable
                } else {
                    first.found.clone()
                });
            }
            Operation::Read(_) => {
                reads[1] += 1;
                // Free when it was looked at; taken by another a moment later.
                let is_free = reads[1] == 1;
                taking.read(if is_free {
                    second.found.clone()
                } else {
                    full.clone()
                });
            }
            Operation::Write {
                account: 0, value, ..
            } => {
                first.found = Some((value.to_vec(), 1));
                taking.wrote(true);
            }
            Operation::Write { .. } => taking.wrote(false),
        }
    }
    let taken = taking.finish();
    assert!(matches!(taken.outcome, Outcome::Refused { .. }));
    let [(0, Failure::Unreadable, reservation)] = &*taken.unsettled else {
        panic!("{:?}", taken.unsettled);
    };
    assert!(first.take(&limits, costs(1), at(NOON)).is_err());
    first.settle(&limits, reservation, 0, at(NOON));
    assert!(first.take(&limits, costs(1), at(NOON)).is_ok());
}
