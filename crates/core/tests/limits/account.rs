//! One account as one worker sees it, for examples that a policy author would check by hand.

use tollgate_core::limits::counter::CounterId;
use tollgate_core::limits::record::{Record, Vm};
use tollgate_core::limits::reservation::Reservation;
use tollgate_core::limits::rule::{
    Admit, Amounts, Bound, Demand, Limit, Measure, Mode, Overrun, Raise,
};
use tollgate_core::limits::settling::Settling;
use tollgate_core::limits::shared::{Found, Store, run};
use tollgate_core::limits::shortfall::Wait;
use tollgate_core::limits::taken::Outcome;
use tollgate_core::limits::taking::{Inputs, Taking};
use tollgate_core::limits::terms::Terms;
use tollgate_core::limits::time::Now;
use tollgate_core::limits::vms::Vms;
use tollgate_core::limits::window::{Period, Zone};
use tollgate_core::money::Usd;

pub(crate) const DAY: u64 = 86_400;
pub(crate) const NOON: u64 = 20_000 * DAY + DAY / 2;
pub(crate) const VM: Vm = Vm {
    slot: 0,
    generation: 1,
};

pub(crate) fn limit(bound: Bound) -> Limit {
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

pub(crate) fn budget(period: Period, amount: u128, raises: &[(&str, u128, u64)]) -> Limit {
    let counter = CounterId::window(Measure::Money, period, "UTC");
    let raises = raises.iter().map(|&(name, amount, until)| Raise {
        counter: CounterId::raise(counter, name),
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

pub(crate) fn costs(pico: u128) -> Demand {
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
        least: amounts,
    }
}

pub(crate) fn at(seconds: u64) -> Now {
    Now {
        wall: seconds * 1_000_000_000,
        monotonic: seconds * 1_000_000_000 - NOON * 500_000_000,
    }
}

/// One worker's view of one account.
#[derive(Default)]
pub(crate) struct Account {
    pub(crate) found: Found,
    writes: u32,
    pub(crate) reads: u32,
}

impl Account {
    pub(crate) fn take(
        &mut self,
        limits: &[Limit],
        demand: Demand,
        now: Now,
    ) -> Result<Reservation, Wait> {
        let terms = [Terms {
            limits,
            zones: &[Zone::default()],
            leases: None,
        }];
        let vms = Vms::default();
        let mut taking = Taking::new(Inputs {
            terms: &terms,
            demand,
            now,
            vm: VM,
            vms: &vms,
        });
        run(&mut taking, self);
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

    pub(crate) fn settle(
        &mut self,
        limits: &[Limit],
        reservation: &Reservation,
        pico: u128,
        now: Now,
    ) {
        let terms = [Terms {
            limits,
            zones: &[Zone::default()],
            leases: None,
        }];
        let used = costs(pico).worst;
        let reservations = std::slice::from_ref(reservation);
        let mut settling = Settling::new(&terms, reservations, used, now);
        run(&mut settling, self);
        assert!(settling.failed().is_empty());
    }

    pub(crate) fn spent(&self, limit: &Limit, start: u64) -> u128 {
        let Bound::Window { counter, .. } = limit.bound else {
            panic!("no window");
        };
        let record = Record::decode(&self.found.as_ref().unwrap().0).unwrap();
        record.bucket(counter, start).used
    }
}

/// Nobody else writes.
impl Store for Account {
    fn read(&mut self, _account: usize) -> Found {
        self.reads += 1;
        self.found.clone()
    }

    fn write(&mut self, _account: usize, value: &[u8], _cas: u32) -> bool {
        self.writes += 1;
        self.found = Some((value.to_vec(), self.writes));
        true
    }
}
