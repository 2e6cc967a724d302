//! Examples that a policy author would check by hand, and what happens at the edges of a store.

use std::time::Duration;

use tollgate_core::limits::counter::CounterId;
use tollgate_core::limits::rate::Rate;
use tollgate_core::limits::reservation::Reservation;
use tollgate_core::limits::rule::{Admit, Amounts, Bound, Measure, Mode, RatePeriod};
use tollgate_core::limits::settling::{Failure, Settling};
use tollgate_core::limits::shared::{Operation, Transaction as _};
use tollgate_core::limits::shortfall::Wait;
use tollgate_core::limits::taken::Outcome;
use tollgate_core::limits::taking::{Inputs, Taking};
use tollgate_core::limits::terms::Terms;
use tollgate_core::limits::vms::Vms;
use tollgate_core::limits::window::Period;
use tollgate_core::money::Usd;

use crate::account::{Account, DAY, NOON, VM, at, budget, costs, limit};

#[test]
fn a_budget_runs_out_and_begins_anew() {
    let limits = [budget(Period::Day, 100, &[])];
    let mut account = Account::default();
    let first = account.take(&limits, costs(60), at(NOON)).unwrap();
    let half_a_day = Wait::For(DAY / 2 * 1_000_000_000);
    let second = account.take(&limits, costs(60), at(NOON));
    assert_eq!(second, Err(Wait::Unknown), "the first may cost less");
    account.settle(&limits, &first, 60, at(NOON));
    assert_eq!(account.take(&limits, costs(60), at(NOON)), Err(half_a_day));
    let mut account = Account::default();
    let first = account.take(&limits, costs(60), at(NOON)).unwrap();
    account.settle(&limits, &first, 10, at(NOON + 1));
    assert!(account.take(&limits, costs(90), at(NOON + 1)).is_ok());
    assert!(account.take(&limits, costs(1), at(NOON + 2)).is_err());
    assert!(account.take(&limits, costs(100), at(NOON + DAY)).is_ok());
}

#[test]
fn an_overrun_is_not_forgiven_within_its_window_and_not_carried_into_the_next() {
    let limits = [budget(Period::Day, 100, &[])];
    let mut account = Account::default();
    let request = account.take(&limits, costs(60), at(NOON)).unwrap();
    // It ends the next day, in which others have begun.
    account.take(&limits, costs(1), at(NOON + DAY)).unwrap();
    account.settle(&limits, &request, 500, at(NOON + DAY));
    let today = 20_000 * DAY;
    assert_eq!(account.spent(&limits[0], today), 500);
    assert_eq!(account.spent(&limits[0], today + DAY), 1);
    assert!(account.take(&limits, costs(1), at(NOON + 1)).is_err());
}

#[test]
fn lowering_a_budget_below_what_is_spent_refuses_at_once_and_raising_it_admits() {
    let mut account = Account::default();
    let before = [budget(Period::Month, 100, &[])];
    account.take(&before, costs(60), at(NOON)).unwrap();
    let lower = [budget(Period::Month, 50, &[])];
    assert!(account.take(&lower, costs(1), at(NOON)).is_err());
    let higher = [budget(Period::Month, 61, &[])];
    assert!(account.take(&higher, costs(1), at(NOON)).is_ok());
}

#[test]
fn what_waiting_can_not_cure_is_told_from_what_it_can() {
    let mut account = Account::default();
    let ever = [budget(Period::Ever, 100, &[])];
    let first = account.take(&ever, costs(100), at(NOON)).unwrap();
    assert_eq!(account.take(&ever, costs(1), at(NOON)), Err(Wait::Unknown));
    account.settle(&ever, &first, 100, at(NOON));
    assert_eq!(account.take(&ever, costs(1), at(NOON)), Err(Wait::Forever));
    let mut account = Account::default();
    let overrun = account.take(&ever, costs(50), at(NOON)).unwrap();
    account.settle(&ever, &overrun, 200, at(NOON));
    account.take(&ever, costs(0), at(NOON)).unwrap();
    assert_eq!(account.take(&ever, costs(1), at(NOON)), Err(Wait::Forever));
    let day = [budget(Period::Day, 100, &[])];
    let too_large = account.take(&day, costs(101), at(NOON));
    assert_eq!(too_large, Err(Wait::TooLarge));
}

#[test]
fn shadow_counts_and_never_takes_from_an_enforced_counter() {
    let enforced = budget(Period::Day, 100, &[]);
    let mut shadow = budget(Period::Day, 10, &[]);
    shadow.mode = Mode::Shadow;
    shadow.admit = Admit::WorstCase;
    let mut demand = costs(50);
    demand.worst.cost = Usd::from_pico(5000);
    let mut account = Account::default();
    let limits = [shadow, enforced];
    account.take(&limits, demand, at(NOON)).unwrap();
    assert_eq!(account.spent(&limits[1], 20_000 * DAY), 50);
    assert!(account.take(&limits, demand, at(NOON)).is_ok());
    assert!(account.take(&limits, demand, at(NOON)).is_err());
}

#[test]
fn what_is_named_is_preferred_and_what_is_usual_admits() {
    let limits = [budget(Period::Day, 100, &[])];
    let mut demand = costs(80);
    demand.expected.cost = Usd::from_pico(20);
    let mut account = Account::default();
    account.take(&limits, demand, at(NOON)).unwrap();
    account.take(&limits, demand, at(NOON)).unwrap();
    assert_eq!(account.spent(&limits[0], 20_000 * DAY), 100);
}

#[test]
fn a_record_that_can_not_be_read_is_left_alone_and_refuses() {
    let limits = [limit(Bound::Concurrency(1))];
    let terms = [Terms {
        limits: &limits,
        zones: &[],
        leases: None,
    }];
    let mut account = Account::default();
    account.take(&limits, costs(1), at(NOON)).unwrap();
    let (good, _) = account.found.unwrap();
    let cut = good[..good.len() - 1].to_vec();
    let longer = [good.clone(), vec![0]].concat();
    let mut newer = good.clone();
    newer[0] = 3;
    for bad in [Vec::new(), vec![1], cut, longer, newer] {
        let vms = Vms::default();
        let mut taking = Taking::new(Inputs {
            terms: &terms,
            demand: costs(1),
            now: at(NOON),
            vm: VM,
            vms: &vms,
        });
        assert_eq!(taking.next(), Some(Operation::Read(0)));
        taking.read(Some((bad.clone(), 7)));
        assert_eq!(taking.next(), None);
        assert_eq!(taking.finish().outcome, Outcome::Unreadable(0));
        let reservations = [Reservation::default()];
        let mut settling = Settling::new(&terms, &reservations, Amounts::default(), at(NOON));
        settling.read(Some((bad, 7)));
        assert_eq!(settling.next(), None);
        assert_eq!(settling.failed(), [(0, Failure::Unreadable)]);
    }
}

#[test]
fn a_request_with_no_accounts_is_admitted() {
    let vms = Vms::default();
    let taking = Taking::new(Inputs {
        terms: &[],
        demand: costs(1),
        now: at(NOON),
        vm: VM,
        vms: &vms,
    });
    assert_eq!(taking.next(), None);
    let reservations = Vec::new();
    assert_eq!(taking.finish().outcome, Outcome::Admitted { reservations });
}

#[test]
fn rates_and_windows_share_a_record() {
    let rate = limit(Bound::Rate {
        measure: Measure::Requests,
        period: RatePeriod::Minute,
        rate: Rate::new(1, Duration::from_secs(60), 2).unwrap(),
        counter: CounterId::rate(Measure::Requests, RatePeriod::Minute, false),
    });
    let limits = [rate, budget(Period::Day, 100, &[])];
    let mut account = Account::default();
    let first = account.take(&limits, costs(10), at(NOON)).unwrap();
    account.take(&limits, costs(10), at(NOON)).unwrap();
    let wait = account.take(&limits, costs(10), at(NOON)).unwrap_err();
    assert_eq!(wait, Wait::For(60_000_000_000));
    // A request that was sent counts, whatever it cost.
    account.settle(&limits, &first, 0, at(NOON));
    assert!(account.take(&limits, costs(10), at(NOON)).is_err());
    assert_eq!(account.spent(&limits[1], 20_000 * DAY), 10);
    assert!(account.take(&limits, costs(10), at(NOON + 60)).is_ok());
}

#[test]
fn switching_a_rate_between_shadow_and_enforced_keeps_what_was_used() {
    let rule = |mode: Mode| {
        let mut limit = limit(Bound::Rate {
            measure: Measure::Requests,
            period: RatePeriod::Hour,
            rate: Rate::new(1, Duration::from_secs(3600), 2).unwrap(),
            counter: CounterId::rate(Measure::Requests, RatePeriod::Hour, mode == Mode::Shadow),
        });
        limit.mode = mode;
        [limit]
    };
    let mut account = Account::default();
    for _ in 0..3 {
        account
            .take(&rule(Mode::Shadow), costs(1), at(NOON))
            .unwrap();
    }
    assert!(
        account
            .take(&rule(Mode::Enforce), costs(1), at(NOON))
            .is_err()
    );
}

#[test]
fn many_edits_while_requests_run_leave_a_record_that_can_be_read() {
    let mut account = Account::default();
    for edit in 0..40 {
        let limits: Vec<_> = (0..8)
            .map(|index| {
                let mut limit = budget(Period::Day, 100, &[]);
                if let Bound::Window { counter, .. } = &mut limit.bound {
                    let zone = format!("zone {edit} {index}");
                    *counter = CounterId::window(Measure::Money, Period::Day, &zone);
                }
                limit
            })
            .collect();
        account.take(&limits, costs(1), at(NOON)).unwrap();
    }
}

/// Only what others hold can have been taken for a request that was not admitted.
#[test]
fn a_refusal_is_looked_at_again_only_where_something_may_come_back() {
    let limits = [budget(Period::Day, 10, &[])];
    let mut account = Account::default();
    let running = account.take(&limits, costs(10), at(NOON)).unwrap();
    for (is_running, reads) in [(true, 2), (false, 1)] {
        account.reads = 0;
        account.take(&limits, costs(1), at(NOON)).unwrap_err();
        assert_eq!(account.reads, reads, "running: {is_running}");
        if is_running {
            account.settle(&limits, &running, 10, at(NOON));
        }
    }
}
