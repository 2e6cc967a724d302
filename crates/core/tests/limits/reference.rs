//! What the limits mean, as plainly as it can be said: everything that requests have taken is on a
//! list, and what is used is the sum over that list.

mod rates;

use std::collections::BTreeMap;

use tollgate_core::limits::counter::CounterId;
use tollgate_core::limits::record::Vm;
use tollgate_core::limits::rule::{Admit, Amounts, Bound, Demand, Measure, Mode};
use tollgate_core::limits::time::Now;
use tollgate_core::limits::vms::Vms;
use tollgate_core::limits::window::{Window, Zone};

use self::rates::{Leaky, before_switch, cell};
use crate::rules::Rule;

pub(crate) type RequestId = usize;

/// One account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    /// Requests in flight, with their VM.
    running: BTreeMap<RequestId, Vm>,
    taken: Vec<Taken>,
    /// Of each window counter, the two windows that are kept.
    kept: BTreeMap<CounterId, [u64; 2]>,
    /// Leaky buckets.
    leaky: BTreeMap<CounterId, Leaky>,
}

/// What one request has taken from one counter.
#[derive(Clone, Debug)]
struct Taken {
    request: RequestId,
    counter: CounterId,
    start: u64,
    amount: u128,
    /// What raises carry of it, in the order in which they are spent.
    raised: Vec<(CounterId, u128)>,
    /// Its window is not kept any more, or the host has lost the record.
    is_gone: bool,
}

/// What is asked of an account.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) rules: &'a [Rule],
    pub(crate) zones: &'a [Zone],
    pub(crate) demand: &'a Demand,
    pub(crate) now: Now,
    pub(crate) vms: &'a Vms,
}

impl Account {
    /// The account under rules that were edited since.
    fn follow(&mut self, rules: &[Rule]) {
        let switches: Vec<_> = rules.iter().filter_map(before_switch).collect();
        for &(now, before) in &switches {
            let is_other_rules = switches.iter().any(|&(other, _)| other == before);
            if !is_other_rules
                && !self.leaky.contains_key(&now)
                && let Some(leaky) = self.leaky.remove(&before)
            {
                self.leaky.insert(now, leaky);
            }
        }
    }

    /// Whether any enforced rule refuses.
    pub(crate) fn refuses(&self, question: Question<'_>) -> bool {
        let mut account = self.clone();
        account.follow(question.rules);
        account.refuses_now(question)
    }

    fn refuses_now(&self, question: Question<'_>) -> bool {
        let mut enforced = question
            .rules
            .iter()
            .filter(|rule| rule.limit.mode == Mode::Enforce);
        enforced.any(|rule| self.fit(rule, question).0.is_none())
    }

    /// Takes what the request is admitted by.
    pub(crate) fn take(&mut self, request: RequestId, vm: Vm, question: Question<'_>) {
        self.follow(question.rules);
        self.running.retain(|_, vm| !question.vms.is_dead(*vm));
        let mut amounts: BTreeMap<CounterId, (bool, u128)> = BTreeMap::new();
        for rule in question.rules {
            let Some(counter) = rule.limit.bound.counter() else {
                continue;
            };
            let (fits, amount) = self.fit(rule, question);
            if fits.is_none() && counter.is_rate() {
                continue;
            }
            let new = (rule.limit.mode == Mode::Enforce, amount);
            let known = amounts.entry(counter).or_insert(new);
            *known = new.max(*known);
        }
        self.running.insert(request, vm);
        for (counter, (_, amount)) in amounts {
            let rule = owner(question.rules, counter);
            let start = match &rule.limit.bound {
                Bound::Window { .. } => window(rule, question.zones, question.now).start,
                _ => 0,
            };
            self.taken.push(Taken {
                request,
                counter,
                start,
                amount: 0,
                raised: Vec::new(),
                is_gone: false,
            });
            let last = self.taken.len() - 1;
            self.spend(last, rule, amount, question.now);
        }
    }

    /// Settles a request as having used this much.
    pub(crate) fn settle(&mut self, request: RequestId, rules: &[Rule], used: &Amounts, now: Now) {
        self.running.remove(&request);
        for index in 0..self.taken.len() {
            let taken = &mut self.taken[index];
            if taken.request != request {
                continue;
            }
            let used = taken.counter.measure().unwrap().of(used);
            let rule = owner(rules, taken.counter);
            if taken.counter.is_rate() {
                let change = used as i128 - taken.amount as i128;
                taken.amount = used;
                self.refill(rules, rule, change, now.monotonic);
                continue;
            }
            let kept = self.kept.get(&taken.counter).copied().unwrap_or_default();
            if taken.is_gone && (kept.contains(&taken.start) || kept.contains(&0)) {
                // There is room for it again.
                taken.is_gone = false;
                taken.amount = 0;
                taken.raised.clear();
            }
            if used < taken.amount {
                let mut back = taken.amount - used;
                taken.amount = used;
                for (_, raised) in taken.raised.iter_mut().rev() {
                    let part = back.min(*raised);
                    *raised -= part;
                    back -= part;
                }
            } else if !taken.is_gone {
                let more = used - taken.amount;
                self.spend(index, rule, more, now);
            }
        }
    }

    /// Takes back all that a request has taken.
    pub(crate) fn undo(&mut self, request: RequestId, rules: &[Rule], now: Now) {
        self.settle(request, rules, &Amounts::default(), now);
        self.taken.retain(|taken| taken.request != request);
    }

    /// The host has lost the record. A request that goes on will be charged all that it used.
    pub(crate) fn lose(&mut self) {
        self.running.clear();
        self.kept.clear();
        self.leaky.clear();
        for taken in &mut self.taken {
            taken.amount = 0;
            taken.raised.clear();
            taken.is_gone = true;
        }
    }

    pub(crate) fn used(&self, counter: CounterId, start: u64) -> u128 {
        self.of(counter, start).map(|taken| taken.amount).sum()
    }

    pub(crate) fn raised(&self, counter: CounterId, start: u64) -> u128 {
        let raised = self.of(counter, start).flat_map(|taken| &taken.raised);
        raised.map(|(_, amount)| amount).sum()
    }

    pub(crate) fn spent_from(&self, purse: CounterId) -> u128 {
        let raised = self.taken.iter().flat_map(|taken| &taken.raised);
        raised
            .filter(|(p, _)| *p == purse)
            .map(|(_, amount)| amount)
            .sum()
    }

    /// What requests in flight hold in this window.
    pub(crate) fn held(&self, counter: CounterId, start: u64) -> u128 {
        let held = self.taken.iter();
        held.filter(|t| (t.counter, t.start) == (counter, start) && !t.is_gone)
            .filter(|taken| self.running.contains_key(&taken.request))
            .map(|taken| taken.amount)
            .sum()
    }

    pub(crate) fn running(&self) -> usize {
        self.running.len()
    }

    /// Every window that is kept.
    pub(crate) fn windows(&self) -> impl Iterator<Item = (CounterId, u64)> {
        let kept = self.kept.iter();
        kept.flat_map(|(counter, starts)| starts.map(|start| (*counter, start)))
    }

    /// The amount that it fits by, if it does; and what it is counted as if nothing refuses.
    fn fit(&self, rule: &Rule, question: Question<'_>) -> (Option<u128>, u128) {
        let now = question.now;
        let choose = |measure: Measure, left: u128| {
            let amounts = match rule.limit.admit {
                Admit::WorstCase => vec![measure.of(&question.demand.worst)],
                Admit::Expected => {
                    let expected = measure.of(&question.demand.expected);
                    let grants = match &rule.limit.bound {
                        Bound::Window { amount, .. } => *amount,
                        Bound::Rate { .. } => rule.numbers.burst.into(),
                        _ => u128::MAX,
                    };
                    let least = measure.of(&question.demand.least);
                    // What is never granted is made of all that is left.
                    let usual = match expected > grants && expected > left {
                        true => expected.min(least.max(left)),
                        false => expected,
                    };
                    vec![measure.of(&question.demand.named), usual]
                }
            };
            let found = amounts.iter().find(|amount| **amount <= left).copied();
            (found, found.unwrap_or(amounts[amounts.len() - 1]))
        };
        match &rule.limit.bound {
            Bound::Output(_) => (Some(0), 0),
            Bound::Concurrency(most) => {
                let mut running: Vec<_> = self.running.values().collect();
                running.retain(|vm| !question.vms.is_dead(**vm));
                choose(
                    Measure::Requests,
                    if running.len() < *most as usize {
                        u128::MAX
                    } else {
                        0
                    },
                )
            }
            Bound::Rate { measure, .. } => {
                let burst = rule.numbers.burst * cell(rule);
                let left = u128::from(burst).saturating_sub(self.level(rule, now.monotonic));
                choose(*measure, left / u128::from(cell(rule)))
            }
            Bound::Window { measure, .. } => {
                let start = window(rule, question.zones, now).start;
                choose(*measure, self.left_in(rule, question.rules, start, now))
            }
        }
    }

    /// What a rule leaves of the window that began at `start`.
    fn left_in(&self, rule: &Rule, rules: &[Rule], start: u64, now: Now) -> u128 {
        let Bound::Window {
            amount, counter, ..
        } = &rule.limit.bound
        else {
            unreachable!("asked of windows only");
        };
        let used = self.used(*counter, start);
        let is_owner = std::ptr::eq(owner(rules, *counter), rule);
        if has_raises(rules, *counter) && !is_owner {
            return amount.saturating_sub(used);
        }
        let purses = self.purses(rule, now).into_iter();
        let raises: u128 = purses.map(|(_, left)| left).sum();
        (amount + raises).saturating_sub(used - self.raised(*counter, start))
    }

    /// Reserves more for a request, up to `amounts`. The rules, by index, that this does not fit.
    pub(crate) fn extend(
        &mut self,
        request: RequestId,
        rules: &[Rule],
        amounts: &Amounts,
        now: Now,
    ) -> Vec<usize> {
        let mut exceeded = Vec::new();
        for index in 0..self.taken.len() {
            let taken = self.taken[index].clone();
            let wanted = taken.counter.measure().unwrap().of(amounts);
            if taken.request != request || taken.is_gone || wanted <= taken.amount {
                continue;
            }
            let more = wanted - taken.amount;
            for (at, rule) in rules.iter().enumerate() {
                if rule.limit.bound.counter() != Some(taken.counter) {
                    continue;
                }
                let left = match taken.counter.is_rate() {
                    true => self.left(rule, now.monotonic).into(),
                    false => self.left_in(rule, rules, taken.start, now),
                };
                if left < more {
                    exceeded.push(at);
                }
            }
            let rule = owner(rules, taken.counter);
            if taken.counter.is_rate() {
                self.refill(rules, rule, more as i128, now.monotonic);
                self.taken[index].amount = wanted;
                continue;
            }
            self.spend(index, rule, more, now);
            if let Bound::Window { raises, .. } = &rule.limit.bound {
                let raised = &mut self.taken[index].raised;
                raised.sort_by_key(|(purse, _)| raises.iter().position(|r| r.counter == *purse));
            }
        }
        exceeded.sort_unstable();
        exceeded
    }

    fn spend(&mut self, index: usize, rule: &Rule, more: u128, now: Now) {
        let Taken { counter, start, .. } = self.taken[index];
        let Bound::Window { amount, .. } = &rule.limit.bound else {
            self.pour(rule, more as i128, now.monotonic);
            self.taken[index].amount += more;
            return;
        };
        self.keep(counter, start);
        let own = self.used(counter, start) - self.raised(counter, start);
        let mut beyond = more.saturating_sub(amount.saturating_sub(own));
        for (purse, left) in self.purses(rule, now) {
            let carried = left.min(beyond);
            beyond -= carried;
            self.taken[index].raised.push((purse, carried));
        }
        self.taken[index].amount += more;
    }

    /// Two windows are kept; the one that began first gives way.
    fn keep(&mut self, counter: CounterId, start: u64) {
        let kept = self.kept.entry(counter).or_default();
        if kept.contains(&start) {
            return;
        }
        kept.sort();
        let gone = std::mem::replace(&mut kept[0], start);
        for taken in &mut self.taken {
            taken.is_gone |= (taken.counter, taken.start) == (counter, gone);
        }
    }

    /// What active raises hold, the earliest end first.
    fn purses(&self, rule: &Rule, now: Now) -> Vec<(CounterId, u128)> {
        let Bound::Window { raises, .. } = &rule.limit.bound else {
            return Vec::new();
        };
        let active = raises
            .iter()
            .filter(|raise| now.wall / 1_000_000_000 < raise.until);
        active
            .map(|raise| {
                (
                    raise.counter,
                    raise.amount.saturating_sub(self.spent_from(raise.counter)),
                )
            })
            .collect()
    }

    fn of(&self, counter: CounterId, start: u64) -> impl Iterator<Item = &Taken> {
        let taken = self.taken.iter();
        taken.filter(move |t| (t.counter, t.start) == (counter, start) && !t.is_gone)
    }
}

/// The rule whose raises are spent, else the first that looks at this counter. Where a rule refuses,
/// only its raises are spent.
fn owner(rules: &[Rule], id: CounterId) -> &Rule {
    let mut of_counter = rules
        .iter()
        .filter(|rule| rule.limit.bound.counter() == Some(id))
        .collect::<Vec<_>>();
    if of_counter.iter().any(enforces) {
        of_counter.retain(enforces);
    }
    let raised = of_counter.iter().find(|rule| rule.limit.bound.is_raised());
    raised.unwrap_or(&of_counter[0])
}

fn has_raises(rules: &[Rule], id: CounterId) -> bool {
    owner(rules, id).limit.bound.is_raised()
}

fn enforces(rule: &&Rule) -> bool {
    rule.limit.mode == Mode::Enforce
}

fn window(rule: &Rule, zones: &[Zone], now: Now) -> Window {
    let Bound::Window { period, zone, .. } = &rule.limit.bound else {
        unreachable!("asked of windows only");
    };
    zones[usize::from(*zone)].window(*period, now.wall / 1_000_000_000)
}
