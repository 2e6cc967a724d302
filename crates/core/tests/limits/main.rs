//! Limits against a reference model: random rules, requests, settlements, edits, deaths, lost
//! records, clocks that jump, and workers whose operations interleave. Counters agree after every
//! write.

mod account;
mod edits;
mod examples;
mod leases;
mod raises;
mod records;
mod reference;
mod rules;
mod task;
mod undoing;
mod world;

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tollgate_core::limits::rule::{Amounts, Demand};
use tollgate_core::limits::time::Now;
use tollgate_core::limits::window::Zone;
use tollgate_core::money::Usd;

use self::rules::{Rule, START};
use self::world::{ACCOUNTS, Seen, World};

#[derive(Clone, Debug)]
enum Event {
    Step(usize),
    Begin(usize, usize, Demand),
    Settle(usize, usize, Amounts),
    Extend(usize, usize, Amounts),
    Pass(u64),
    SetClock(i64),
    Edit(usize, Vec<Rule>),
    Kill(usize),
    Wipe,
}

fn amounts() -> impl Strategy<Value = Amounts> {
    (0_u64..100, 0_u64..100, 0_u128..150).prop_map(|(prompt, completion, cost)| Amounts {
        requests: 1,
        prompt,
        completion,
        cost: Usd::from_pico(cost),
    })
}

fn demand() -> impl Strategy<Value = Demand> {
    (amounts(), amounts(), amounts(), amounts()).prop_map(|(worst, named, expected, least)| {
        Demand {
            worst,
            named,
            expected,
            least,
        }
    })
}

fn event() -> impl Strategy<Value = Event> {
    const SECOND: u64 = 1_000_000_000;
    let worker = 0_usize..3;
    prop_oneof![
        60 => worker.clone().prop_map(Event::Step),
        12 => (worker.clone(), 0_usize..2, demand()).prop_map(|(w, k, d)| Event::Begin(w, k, d)),
        8 => (worker.clone(), 0_usize..8, amounts()).prop_map(|(w, i, a)| Event::Settle(w, i, a)),
        4 => (worker.clone(), 0_usize..8, amounts()).prop_map(|(w, i, a)| Event::Extend(w, i, a)),
        8 => (0..2 * SECOND).prop_map(Event::Pass),
        2 => (0..100_000 * SECOND).prop_map(Event::Pass),
        1 => (-90_000_i64..90_000).prop_map(Event::SetClock),
        2 => (0..ACCOUNTS, rules::rules()).prop_map(|(a, r)| Event::Edit(a, r)),
        1 => worker.prop_map(Event::Kill),
        1 => Just(Event::Wipe),
    ]
}

/// UTC, and a zone whose clocks go forward just after the start.
fn zones() -> Vec<Zone> {
    let forward = (1_774_746_000, 7_200);
    vec![Zone::default(), Zone::new(3_600, &[forward]).unwrap()]
}

fn start() -> Now {
    Now {
        wall: START * 1_000_000_000,
        monotonic: 5_000_000_000,
    }
}

fn play(world: &mut World, event: Event) {
    match event {
        Event::Step(worker) => world.step(worker),
        Event::Begin(worker, key, demand) => world.begin(worker, key, demand),
        Event::Settle(worker, which, used) => world.settle(worker, which, used),
        Event::Extend(worker, which, amounts) => world.extend(worker, which, amounts),
        Event::Pass(nanos) => world.pass(nanos),
        Event::SetClock(seconds) => world.set_clock(seconds),
        Event::Edit(account, rules) => world.edit(account, rules),
        Event::Kill(worker) => world.kill(worker),
        Event::Wipe => world.wipe(),
    }
}

#[test]
fn counters_agree_with_the_reference() {
    let cases = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|n| n.parse().ok());
    let mut runner = TestRunner::new(Config {
        cases: cases.unwrap_or(500),
        failure_persistence: None,
        ..Config::default()
    });
    let inputs = (
        prop::array::uniform5(rules::rules()),
        prop::collection::vec(event(), 50..400),
    );
    let seen = Cell::new(Seen::default());
    let result = runner.run(&inputs, |(rules, events)| {
        let mut world = World::new(3, rules, zones(), start());
        for event in events {
            play(&mut world, event);
        }
        world.finish();
        seen.set(seen.get().and(world.seen));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    // A test in which nothing happens shows nothing.
    let Seen {
        admitted,
        refused,
        conflicts,
        undone,
        buried,
        extended,
        exceeded,
    } = seen.get();
    let all = admitted + refused;
    assert!(admitted > all / 5 && refused > all / 20);
    assert!(conflicts > all / 100 && undone > 0 && buried > 0);
    assert!(extended > all / 20 && exceeded > all / 100);
}
