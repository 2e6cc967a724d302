//! Raises, by example: what is spent beyond a budget for a time.

use tollgate_core::limits::record::Record;
use tollgate_core::limits::rule::Mode;
use tollgate_core::limits::shortfall::Wait;
use tollgate_core::limits::standing;
use tollgate_core::limits::terms::Terms;
use tollgate_core::limits::window::Period;
use tollgate_core::limits::window::Zone;

use crate::account::{Account, DAY, NOON, at, budget, costs};

#[test]
fn raises_are_spent_after_the_amount_the_earliest_end_first() {
    let soon = NOON + 100;
    let late = NOON + DAY;
    let limits = [budget(
        Period::Day,
        100,
        &[("a", 50, soon), ("b", 50, late)],
    )];
    let mut account = Account::default();
    account.take(&limits, costs(140), at(NOON)).unwrap();
    // 40 are on the raise that ends soon, 10 are left on it, 50 on the other.
    assert!(account.take(&limits, costs(61), at(NOON)).is_err());
    assert!(account.take(&limits, costs(60), at(NOON)).is_ok());
}

#[test]
fn the_end_of_a_raise_puts_nobody_in_debt() {
    let soon = NOON + 100;
    let limits = [budget(Period::Day, 100, &[("a", 1000, soon)])];
    let mut account = Account::default();
    let request = account.take(&limits, costs(1100), at(NOON)).unwrap();
    // The raise has ended. What comes back was the raise's: nothing is free.
    account.settle(&limits, &request, 150, at(soon));
    assert!(account.take(&limits, costs(1), at(soon)).is_err());
    assert!(account.take(&limits, costs(100), at(NOON + DAY)).is_ok());
    // Of 150, 100 were the amount's; with less, some of it is free again.
    let mut account = Account::default();
    let request = account.take(&limits, costs(1100), at(NOON)).unwrap();
    account.settle(&limits, &request, 90, at(soon));
    assert!(account.take(&limits, costs(10), at(soon)).is_ok());
}

#[test]
fn a_raise_holds_its_amount_once_over_all_windows() {
    let limits = [budget(Period::Day, 100, &[("a", 50, NOON + 9 * DAY)])];
    let mut account = Account::default();
    account.take(&limits, costs(130), at(NOON)).unwrap();
    assert!(account.take(&limits, costs(121), at(NOON + DAY)).is_err());
    assert!(account.take(&limits, costs(120), at(NOON + DAY)).is_ok());
    assert!(
        account
            .take(&limits, costs(101), at(NOON + 2 * DAY))
            .is_err()
    );
}

#[test]
fn a_raise_that_others_hold_can_be_waited_for() {
    let limits = [budget(Period::Day, 100, &[("a", 100, NOON + DAY)])];
    let mut account = Account::default();
    let request = account.take(&limits, costs(90), at(NOON)).unwrap();
    // No day grants 150; the raise does once the other request gives back what it does not use.
    let wait = account.take(&limits, costs(150), at(NOON));
    assert_eq!(wait, Err(Wait::Unknown));
    let wait = account.take(&limits, costs(201), at(NOON));
    assert_eq!(wait, Err(Wait::TooLarge));
    account.settle(&limits, &request, 50, at(NOON));
    assert!(account.take(&limits, costs(150), at(NOON)).is_ok());
}

#[test]
fn what_is_owed_is_taken_from_raises_first() {
    let before = [budget(Period::Day, 100, &[])];
    let mut account = Account::default();
    let request = account.take(&before, costs(100), at(NOON)).unwrap();
    account.settle(&before, &request, 130, at(NOON));
    let raised = [budget(Period::Day, 100, &[("a", 50, NOON + DAY)])];
    assert!(account.take(&raised, costs(21), at(NOON)).is_err());
    assert!(account.take(&raised, costs(20), at(NOON)).is_ok());
    // The same where the amount was lowered below what was spent.
    let lowered = [budget(Period::Day, 70, &[("a", 90, NOON + DAY)])];
    assert!(account.take(&lowered, costs(11), at(NOON)).is_err());
    assert!(account.take(&lowered, costs(10), at(NOON)).is_ok());
}

#[test]
fn the_raise_of_a_rule_that_only_warns_opens_none_that_refuses() {
    for mode in [Mode::Soft, Mode::Shadow] {
        let mut warns = budget(Period::Day, 50, &[("a", 1000, NOON + DAY)]);
        warns.mode = mode;
        let refuses = budget(Period::Day, 100, &[]);
        for limits in [
            [warns.clone(), refuses.clone()],
            [refuses.clone(), warns.clone()],
        ] {
            let mut account = Account::default();
            account.take(&limits, costs(60), at(NOON)).unwrap();
            account.take(&limits, costs(40), at(NOON)).unwrap();
            assert!(account.take(&limits, costs(1), at(NOON)).is_err());
        }
    }
}

/// Tomorrow's window with what is left of the raise grants it.
#[test]
fn what_the_next_window_and_a_raise_grant_is_not_too_large() {
    let limits = [budget(Period::Day, 100, &[("a", 50, NOON + 9 * DAY)])];
    let mut account = Account::default();
    let first = account.take(&limits, costs(50), at(NOON)).unwrap();
    account.settle(&limits, &first, 50, at(NOON));
    let wait = account.take(&limits, costs(120), at(NOON));
    assert!(
        account.take(&limits, costs(120), at(NOON + DAY)).is_ok(),
        "tomorrow it passes"
    );
    assert!(matches!(wait, Err(Wait::For(_))), "{wait:?}");
}

#[test]
fn how_much_of_a_budget_is_used_is_told_without_its_raises() {
    let limits = [budget(Period::Day, 200, &[("a", 50, NOON + DAY)])];
    let mut account = Account::default();
    for (more, permille) in [(50, 250), (150, 1000), (50, 1000)] {
        account.take(&limits, costs(more), at(NOON)).unwrap();
        let (value, _) = account.found.clone().unwrap();
        let record = Record::decode(&value).unwrap();
        let terms = Terms {
            limits: &limits,
            zones: &[Zone::default()],
            leases: None,
        };
        let shown: Vec<_> = standing::budgets(&record, terms, at(NOON)).collect();
        assert_eq!(shown, [("rule", permille)]);
    }
}
