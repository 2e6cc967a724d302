//! Examples that a policy author would check by hand, and what happens at the edges of a store.

use std::time::Duration;

use tollgate_core::limits::judge::{Now, Terms, Wait};
use tollgate_core::limits::rate::Rate;
use tollgate_core::limits::record::{Record, Vm};
use tollgate_core::limits::reservation::Reservation;
use tollgate_core::limits::rule::{
    Admit, Amounts, Bound, CounterId, Demand, Limit, Measure, Mode, Overrun, Raise, RatePeriod,
};
use tollgate_core::limits::settling::{Failure, Settling};
use tollgate_core::limits::shared::{Found, MOST_TRIES, Operation};
use tollgate_core::limits::taking::{Inputs, Outcome, Taking};
use tollgate_core::limits::vms::Vms;
use tollgate_core::limits::window::{Period, Zone};
use tollgate_core::money::Usd;

const DAY: u64 = 86_400;
const NOON: u64 = 20_000 * DAY + DAY / 2;
const VM: Vm = Vm {
    slot: 0,
    generation: 1,
};

fn limit(bound: Bound) -> Limit {
    Limit {
        rule: "rule".into(),
        source: None,
        mode: Mode::Enforce,
        bound,
        admit: Admit::Expected,
        on_overrun: Overrun::Finish,
        fallback: None,
        message: None,
        hides_amounts: false,
    }
}

fn budget(period: Period, amount: u128, raises: &[(&str, u128, u64)]) -> Limit {
    let counter = CounterId::window(Measure::Money, period, "UTC");
    let raises = raises.iter().map(|&(name, amount, until)| Raise {
        purse: CounterId::purse(counter, name),
        amount,
        until,
    });
    limit(Bound::Window {
        measure: Measure::Money,
        period,
        zone: 0,
        amount,
        raises: raises.collect(),
        counter,
    })
}

fn costs(pico: u128) -> Demand {
    let amounts = Amounts {
        requests: 1,
        prompt: 1,
        completion: 1,
        cost: Usd::from_pico(pico),
    };
    Demand {
        worst: amounts,
        named: amounts,
        expected: amounts,
    }
}

fn at(seconds: u64) -> Now {
    Now {
        wall: seconds * 1_000_000_000,
        monotonic: seconds * 1_000_000_000 - NOON * 500_000_000,
    }
}

/// One worker's view of one account.
#[derive(Default)]
struct Account {
    found: Found,
    writes: u32,
}

impl Account {
    fn take(&mut self, limits: &[Limit], demand: Demand, now: Now) -> Result<Reservation, Wait> {
        let terms = [Terms {
            limits,
            zones: &[Zone::default()],
        }];
        let vms = Vms::default();
        let mut taking = Taking::new(Inputs {
            terms: &terms,
            demand,
            now,
            vm: VM,
            vms: &vms,
        });
        while let Some(operation) = taking.next() {
            match operation {
                Operation::Read(_) => taking.read(self.found.clone()),
                Operation::Write { value, .. } => {
                    self.writes += 1;
                    self.found = Some((value.to_vec(), self.writes));
                    taking.wrote(true);
                }
            }
        }
        let taken = taking.finish();
        match taken.outcome {
            Outcome::Admitted { mut reservations } => Ok(reservations.remove(0)),
            Outcome::Refused { is_contested } => {
                assert!(!is_contested);
                Err(taken.shortfalls[0].1.wait)
            }
            other => panic!("{other:?}"),
        }
    }

    fn settle(&mut self, limits: &[Limit], reservation: &Reservation, pico: u128, now: Now) {
        let terms = [Terms {
            limits,
            zones: &[Zone::default()],
        }];
        let used = costs(pico).worst;
        let reservations = std::slice::from_ref(reservation);
        let mut settling = Settling::new(&terms, reservations, used, now);
        while let Some(operation) = settling.next() {
            match operation {
                Operation::Read(_) => settling.read(self.found.clone()),
                Operation::Write { value, .. } => {
                    self.writes += 1;
                    self.found = Some((value.to_vec(), self.writes));
                    settling.wrote(true);
                }
            }
        }
        assert!(settling.failed().is_empty());
    }

    fn spent(&self, limit: &Limit, start: u64) -> u128 {
        let Bound::Window { counter, .. } = limit.bound else {
            panic!("no window");
        };
        let record = Record::decode(&self.found.as_ref().unwrap().0).unwrap();
        record.bucket(counter, start).used
    }
}

#[test]
fn a_budget_runs_out_and_begins_anew() {
    let limits = [budget(Period::Day, 100, &[])];
    let mut account = Account::default();
    let first = account.take(&limits, costs(60), at(NOON)).unwrap();
    let half_a_day = Wait::For(DAY / 2 * 1_000_000_000);
    assert_eq!(account.take(&limits, costs(60), at(NOON)), Err(half_a_day));
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
    account.take(&ever, costs(100), at(NOON)).unwrap();
    assert_eq!(account.take(&ever, costs(1), at(NOON)), Err(Wait::Forever));
    let day = [budget(Period::Day, 100, &[])];
    let too_large = account.take(&day, costs(101), at(NOON));
    assert_eq!(too_large, Err(Wait::TooLarge));
}

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
    }];
    let mut account = Account::default();
    account.take(&limits, costs(1), at(NOON)).unwrap();
    let (good, _) = account.found.unwrap();
    let cut = good[..good.len() - 1].to_vec();
    let longer = [good.clone(), vec![0]].concat();
    let mut newer = good.clone();
    newer[0] = 2;
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
fn whoever_always_comes_second_gives_up_and_leaves_nothing() {
    let limits = [limit(Bound::Concurrency(1))];
    let terms = [Terms {
        limits: &limits,
        zones: &[],
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
