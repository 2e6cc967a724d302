//! Rates: examples, the property that they promise, and the ends of their ranges.

use std::time::Duration;

use proptest::prelude::*;
use tollgate_core::limits::rate::{Rate, Shortage, State, Uncountable};

const SECOND: u64 = 1_000_000_000;
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_burst_then_the_rate() {
    let rate = Rate::new(60, MINUTE, 3).unwrap();
    let start = 5 * SECOND;
    let mut state = State::default();
    for left in [2, 1, 0] {
        state = rate.take(state, 1, start).unwrap();
        assert_eq!(rate.left(state, start).0, left);
    }
    assert_eq!(rate.take(state, 1, start), Err(Shortage::Wait(SECOND)));
    assert_eq!(rate.take(state, 2, start), Err(Shortage::Wait(2 * SECOND)));
    assert_eq!(rate.left(state, start), (0, 3 * SECOND));
    let state = rate.take(state, 1, start + SECOND).unwrap();
    assert_eq!(rate.left(state, start + 60 * SECOND), (3, 0));
}

#[test]
fn what_never_fits_is_told_from_what_fits_later() {
    let rate = Rate::new(60, MINUTE, 3).unwrap();
    let state = State::default();
    assert_eq!(rate.take(state, 4, 0), Err(Shortage::Never));
    assert_eq!(rate.take(state, u64::MAX, 0), Err(Shortage::Never));
    assert!(rate.take(state, 0, 0).is_ok());
}

#[test]
fn refunds_and_overruns() {
    let rate = Rate::new(600, MINUTE, 100).unwrap();
    let state = rate.take(State::default(), 100, SECOND).unwrap();
    let refunded = rate.settle(state, 100, 40, SECOND);
    assert_eq!(rate.left(refunded, SECOND).0, 60);
    let overrun = rate.settle(state, 100, 130, SECOND);
    assert_eq!(rate.left(overrun, SECOND), (0, 13 * SECOND));
    // Ten minutes at most, whatever it was.
    let endless = rate.settle(state, 0, u64::MAX, SECOND);
    assert_eq!(rate.left(endless, SECOND), (0, 600 * SECOND));
    let nothing = rate.settle(state, u64::MAX, 0, SECOND);
    assert_eq!(rate.left(nothing, SECOND), (100, 0));
}

#[test]
fn an_edited_rate_keeps_what_was_used() {
    let before = Rate::new(600, MINUTE, 100).unwrap();
    let after = Rate::new(60, MINUTE, 50).unwrap();
    let state = before.take(State::default(), 40, SECOND).unwrap();
    assert_eq!(after.left(state, SECOND), (10, 40 * SECOND));
    let state = after.take(state, 10, SECOND).unwrap();
    assert_eq!(before.left(state, SECOND).0, 50);
}

#[test]
fn a_clock_that_jumps_back_locks_nobody_out_for_long() {
    let rate = Rate::new(60, MINUTE, 3).unwrap();
    let state = rate.take(State::default(), 1, u64::MAX).unwrap();
    assert!(rate.left(state, 0).1 <= 600 * SECOND);
    assert_eq!(rate.left(state, u64::MAX).0, 2);
}

#[test]
fn what_is_no_rate() {
    assert_eq!(Rate::new(0, MINUTE, 1), Err(Uncountable::Nothing));
    assert_eq!(Rate::new(1, MINUTE, 0), Err(Uncountable::Nothing));
    assert_eq!(
        Rate::new(1, Duration::from_secs(3600), u32::MAX),
        Err(Uncountable::TooSlow)
    );
    assert_eq!(
        Rate::new(u32::MAX, Duration::from_secs(1), 1),
        Err(Uncountable::TooFast)
    );
    assert!(Rate::new(1_000_000_000, Duration::from_secs(1), u32::MAX).is_ok());
}

/// A step of a stream of requests: time passes, an amount is asked for, and one of those that were
/// admitted ends, having used this many hundredths of what it reserved.
type Step = (u64, u64, prop::sample::Index, u64);

proptest! {
    #[test]
    fn in_any_interval_no_more_than_the_burst_the_rate_and_what_was_reserved(
        amount in 1_u32..1_000_000,
        seconds in prop::sample::select(vec![1_u64, 60, 3600]),
        burst in 1_u32..1000,
        start in 0_u64..1 << 59,
        steps in prop::collection::vec(
            (0..3 * SECOND, 0_u64..1200, any::<prop::sample::Index>(), 0_u64..150),
            1..60,
        ),
    ) {
        check(amount, Duration::from_secs(seconds), burst, start, steps)?;
    }
}

fn check(
    amount: u32,
    period: Duration,
    burst: u32,
    start: u64,
    steps: Vec<Step>,
) -> Result<(), TestCaseError> {
    let rate = Rate::new(amount, period, burst).unwrap();
    let mut state = State::default();
    let mut now = start;
    let mut open: Vec<u64> = Vec::new();
    // (when, net admitted by then, reserved after it)
    let mut history = vec![(now, 0_i128, 0_i128)];
    let mut net = 0_i128;
    for (passed, asked, ends, hundredths) in steps {
        now += passed;
        if !open.is_empty() {
            let reserved = open.swap_remove(ends.index(open.len()));
            let used = reserved * hundredths / 100;
            state = rate.settle(state, reserved, used, now);
            net -= i128::from(reserved.saturating_sub(used));
            history.push((now, net, open.iter().map(|&n| i128::from(n)).sum()));
        }
        match rate.take(state, asked, now) {
            Ok(next) => {
                state = next;
                open.push(asked);
                net += i128::from(asked);
                history.push((now, net, open.iter().map(|&n| i128::from(n)).sum()));
            }
            Err(Shortage::Never) => prop_assert!(asked > burst.into()),
            Err(Shortage::Wait(wait)) => {
                prop_assert!(rate.take(state, asked, now + wait).is_ok());
                prop_assert!(rate.take(state, asked, now + wait - 1).is_err());
            }
        }
    }
    for (i, &(from, before, reserved)) in history.iter().enumerate() {
        for &(to, after, _) in &history[i..] {
            let elapsed = i128::from(to - from) * i128::from(amount);
            let refill = elapsed / period.as_nanos() as i128 + 1;
            let bound = i128::from(burst) + refill + reserved;
            prop_assert!(after - before <= bound, "{} > {bound}", after - before);
        }
    }
    Ok(())
}
