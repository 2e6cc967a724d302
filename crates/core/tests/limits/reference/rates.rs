//! Rates as leaky buckets.

use tollgate_core::limits::counter::CounterId;
use tollgate_core::limits::rule::{Bound, Mode};

use super::Account;
use crate::rules::Rule;

/// How many nanoseconds, at some moment, until it is empty, and how many a unit adds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaky {
    level: u128,
    at: u64,
    cell: u64,
}

impl Account {
    /// Units that a rate has left.
    pub(crate) fn left(&self, rule: &Rule, now: u64) -> u64 {
        let used = self.level(rule, now).div_ceil(cell(rule).into());
        rule.numbers.burst.saturating_sub(used as u64)
    }

    pub(super) fn pour(&mut self, rule: &Rule, units: i128, now: u64) {
        let counter = rule.limit.bound.counter().unwrap();
        let level = self.level(rule, now) as i128 + units * i128::from(cell(rule));
        let leaky = Leaky {
            level: level.clamp(0, horizon(rule).into()) as u128,
            at: now,
            cell: cell(rule),
        };
        self.leaky.insert(counter, leaky);
    }

    /// What a request of before comes to besides what it has taken. Its rule may have been edited
    /// since, or switched: then the bucket is another one.
    pub(super) fn refill(&mut self, rules: &[Rule], rule: &Rule, units: i128, now: u64) {
        let (own, other) = before_switch(rule).unwrap();
        let is_both = rules
            .iter()
            .any(|rule| rule.limit.bound.counter() == Some(other));
        let has = |counter| self.leaky.contains_key(&counter);
        let is_switched = !is_both && !has(own) && has(other);
        let counter = if is_switched { other } else { own };
        let leaky = self.leaky.get(&counter).copied();
        let leaky = leaky.unwrap_or(Leaky {
            level: 0,
            at: now,
            cell: cell(rule),
        });
        let passed = i128::from(now) - i128::from(leaky.at);
        let mut before = (leaky.level as i128 - passed).max(0);
        let mut most: i128 = horizon(rule).into();
        if leaky.cell == cell(rule) {
            before = before.min(most);
        } else {
            most = most.max(before);
        }
        let level = before + units * i128::from(leaky.cell);
        let level = level.clamp(0, most) as u128;
        let at = now;
        self.leaky.insert(counter, Leaky { level, at, ..leaky });
    }

    pub(super) fn level(&self, rule: &Rule, now: u64) -> u128 {
        let counter = rule.limit.bound.counter().unwrap();
        let Some(leaky) = self.leaky.get(&counter) else {
            return 0;
        };
        // Workers read their clocks at slightly different times.
        let passed = i128::from(now) - i128::from(leaky.at);
        let level = (leaky.level as i128 - passed).max(0) as u128;
        let cell = cell(rule);
        let level = if leaky.cell == cell {
            level
        } else {
            (level * u128::from(cell)).div_ceil(leaky.cell.into())
        };
        level.min(horizon(rule).into())
    }
}

/// Whether it looks at a rate, and the counter that this had before it was switched between shadow
/// and enforced.
pub(super) fn before_switch(rule: &Rule) -> Option<(CounterId, CounterId)> {
    let Bound::Rate {
        measure, period, ..
    } = &rule.limit.bound
    else {
        return None;
    };
    let is_shadow = rule.limit.mode == Mode::Shadow;
    let [now, before] = [is_shadow, !is_shadow].map(|s| CounterId::rate(*measure, *period, s));
    Some((now, before))
}

pub(super) fn cell(rule: &Rule) -> u64 {
    (rule.numbers.seconds * 1_000_000_000).div_ceil(rule.numbers.amount)
}

fn horizon(rule: &Rule) -> u64 {
    let ten_periods = rule.numbers.seconds * 10_000_000_000;
    ten_periods.max(rule.numbers.burst * cell(rule))
}
