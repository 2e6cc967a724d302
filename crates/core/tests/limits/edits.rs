//! What edits of rates do to requests that began before them.

use std::time::Duration;

use tollgate_core::limits::counter::CounterId;
use tollgate_core::limits::rate::Rate;
use tollgate_core::limits::rule::{Amounts, Bound, Demand, Limit, Measure, Mode, RatePeriod};

use crate::account::{Account, NOON, at, limit};

/// So many tokens a minute, as many at once.
fn tokens(amount: u32, mode: Mode) -> [Limit; 1] {
    let counter = CounterId::rate(
        Measure::TotalTokens,
        RatePeriod::Minute,
        mode == Mode::Shadow,
    );
    let mut limit = limit(Bound::Rate {
        measure: Measure::TotalTokens,
        rate: Rate::new(amount, Duration::from_secs(60), amount).unwrap(),
        period: RatePeriod::Minute,
        counter,
    });
    limit.mode = mode;
    [limit]
}

fn demand(tokens: u64) -> Demand {
    let amounts = Amounts {
        requests: 1,
        completion: tokens,
        ..Amounts::default()
    };
    Demand {
        worst: amounts,
        named: amounts,
        expected: amounts,
        least: amounts,
    }
}

#[test]
fn what_was_reserved_in_shadow_comes_back_to_the_enforced_rule() {
    let (before, after) = (tokens(1000, Mode::Shadow), tokens(1000, Mode::Enforce));
    let mut account = Account::default();
    let running = account.take(&before, demand(900), at(NOON)).unwrap();
    // From here on the counter has its new name.
    account.take(&after, demand(1), at(NOON)).unwrap();
    // It has used two tokens.
    account.settle(&before, &running, 0, at(NOON));
    assert!(account.take(&after, demand(500), at(NOON)).is_ok());
}

/// At one moment, no more than a burst is admitted, whatever streams of before come to their end.
#[test]
fn a_stream_of_before_an_edit_forgives_nothing() {
    for (before, after, each) in [(1000, 1_000_000, 100_000), (1_000_000, 1000, 100)] {
        let burst = u64::from(after);
        let before = tokens(before, Mode::Enforce);
        let after = tokens(after, Mode::Enforce);
        let mut account = Account::default();
        let take = |account: &mut Account| account.take(&before, demand(2), at(NOON)).unwrap();
        let running: Vec<_> = (0..5).map(|_| take(&mut account)).collect();
        let mut admitted = 0;
        for stream in &running {
            while account.take(&after, demand(each), at(NOON)).is_ok() {
                admitted += each;
            }
            // It has used what it reserved.
            account.settle(&before, stream, 0, at(NOON));
        }
        assert!(admitted > burst / 2 && admitted <= burst, "{admitted}");
    }
}
