//! Envoy metrics. Labels stand in a stat's name as `;label=value`; the shipped `stats_tags` turn
//! them into Prometheus labels.
//!
//! A stat's id is asked for once and kept, for all of one tenant's use of one model together: a
//! request then costs one look-up.

mod spending;
mod stat;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use tollgate_core::policy::Policy;
use tollgate_core::settlement::{Outcome, Settlement, UsageSource};

use self::spending::Spending;
use self::stat::{MOST_STATS, Stat};

const SWAP_RETRIES: &str = "tollgate_swap_retries_total";

/// The stats this VM has touched.
#[derive(Default)]
pub(crate) struct Metrics {
    /// By organization, team and model, each ended by a newline, which no name contains.
    accounts: HashMap<String, Account>,
    refusals: HashMap<&'static str, Stat>,
    /// By a rule's name, and what it did.
    rules: HashMap<String, Stat>,
    /// By a budget's rule: how much is used, and since when it is counted.
    budgets: HashMap<String, [Stat; 2]>,
    swap_retries: Stat,
    dead_vms: Stat,
    defined: usize,
    /// Reused for building keys.
    key: String,
}

/// One tenant's use of one model.
#[derive(Default)]
struct Account {
    /// In the order of [`Outcome::ALL`].
    requests: [Stat; Outcome::ALL.len()],
    /// In the order of [`Settlement::tokens`].
    tokens: [Stat; 7],
    /// Output tokens of answers that reported none, counted from their content.
    estimated: Stat,
    without_usage: Stat,
    duration: Stat,
    first_token: Stat,
    spending: Spending,
}

impl Metrics {
    /// Counts one settled exchange.
    pub(crate) fn count(&mut self, settlement: &Settlement<'_>) {
        self.count_refusal(settlement);
        self.count_rules(settlement);
        self.count_account(settlement);
    }

    /// How much of a budget is used, in thousandths, and since when it is counted, in Unix seconds.
    pub(crate) fn set_budget(&mut self, rule: &str, permille: u64, since: u64) {
        if !self.budgets.contains_key(rule) && self.budgets.len() < MOST_STATS {
            self.budgets.insert(rule.to_owned(), Default::default());
        }
        if let Some(budget) = self.budgets.get_mut(rule) {
            show_budget(rule, budget, [permille, since], &mut self.defined);
        }
    }

    /// Nothing is used of budgets that a new policy does not have: Envoy keeps showing their gauges.
    pub(crate) fn keep_budgets_of(&mut self, policy: &Policy) {
        if self.budgets.is_empty() {
            return;
        }
        let accounts: Vec<_> = policy.shared_accounts().collect();
        let limits = accounts.iter().flat_map(|account| account.terms.limits);
        let rules: HashSet<&str> = limits.map(|limit| &*limit.rule).collect();
        let defined = &mut self.defined;
        self.budgets.retain(|rule, budget| {
            let is_kept = rules.contains(&**rule);
            if !is_kept {
                show_budget(rule, budget, [0, 0], defined);
            }
            is_kept
        });
    }

    /// Writes of accounts' records that failed, because another worker was first.
    pub(crate) fn count_swap_retries(&mut self, retries: u32) {
        let name = || SWAP_RETRIES.to_owned();
        self.swap_retries
            .add(retries.into(), &mut self.defined, name);
    }

    /// Places in the table of VMs that no living VM has.
    pub(crate) fn set_dead_vms(&mut self, dead: usize) {
        let dead = u64::try_from(dead).unwrap_or(u64::MAX);
        let name = || "tollgate_dead_vms".to_owned();
        self.dead_vms.set(dead, &mut self.defined, name);
        let name = || SWAP_RETRIES.to_owned();
        self.swap_retries.show(&mut self.defined, name);
    }
}

impl Metrics {
    fn count_refusal(&mut self, settlement: &Settlement<'_>) {
        let is_refused = settlement.outcome == Outcome::Refused;
        if let Some(reason) = settlement.reason.filter(|_| is_refused) {
            let stat = self.refusals.entry(reason).or_default();
            stat.add(1, &mut self.defined, || {
                format!("tollgate_refusals_total;reason={reason}")
            });
        }
    }

    /// Which rules refused, ended an answer, or would have.
    fn count_rules(&mut self, settlement: &Settlement<'_>) {
        let did = match settlement.outcome {
            Outcome::Refused => "refused",
            _ => "cut",
        };
        let refused = settlement.limit.map(|limit| (&*limit.rule, did));
        let passed_over = settlement.passed_over.iter();
        let passed_over = passed_over.map(|rule| (&**rule, "passed_over"));
        for (rule, did) in refused.into_iter().chain(passed_over) {
            let rule = rule_label(rule);
            let key = format!("{rule}\n{did}");
            if !self.rules.contains_key(&key) && self.rules.len() >= MOST_STATS {
                continue;
            }
            let stat = self.rules.entry(key).or_default();
            stat.add(1, &mut self.defined, || {
                format!("tollgate_limit_reached_total;rule={rule};did={did}")
            });
        }
    }

    fn count_account(&mut self, settlement: &Settlement<'_>) {
        let organization = settlement
            .tenant
            .map_or("none", |tenant| tenant.organization);
        let team = settlement.tenant.map_or("none", |tenant| tenant.team);
        let model = settlement.model.unwrap_or("none");
        self.key.clear();
        for name in [organization, team, model] {
            self.key.push_str(name);
            self.key.push('\n');
        }
        if !self.accounts.contains_key(&self.key) && self.accounts.len() < MOST_STATS {
            self.accounts.insert(self.key.clone(), Account::default());
        }
        let Some(account) = self.accounts.get_mut(&self.key) else {
            return;
        };
        let labels = || format!("organization={organization};team={team};model={model}");
        account.count(settlement, &mut self.defined, labels);
        account.time(settlement, &mut self.defined, model);
        account
            .spending
            .count(settlement, &mut self.defined, labels);
    }
}

/// What is used, in thousandths, and since when that is counted, in Unix seconds.
fn show_budget(rule: &str, stats: &mut [Stat; 2], values: [u64; 2], defined: &mut usize) {
    const NAMES: [&str; 2] = [
        "tollgate_budget_used_permille",
        "tollgate_budget_counted_since_seconds",
    ];
    for ((stat, value), name) in stats.iter_mut().zip(values).zip(NAMES) {
        stat.set(value, defined, || format!("{name};rule={rule}"));
    }
}

/// No label is a key's: the rules of a team's keys count together, `key:acme/payments/*:budget/day`.
fn rule_label(rule: &str) -> Cow<'_, str> {
    let of_key = rule.strip_prefix("key:").and_then(|rest| {
        let (account, limit) = rest.split_once(':')?;
        let (team, _) = account.rsplit_once('/')?;
        Some(format!("key:{team}/*:{limit}").into())
    });
    of_key.unwrap_or(Cow::Borrowed(rule))
}

impl Account {
    fn count(
        &mut self,
        settlement: &Settlement<'_>,
        defined: &mut usize,
        labels: impl Fn() -> String,
    ) {
        let outcome = settlement.outcome;
        let stats = self.requests.iter_mut().zip(Outcome::ALL);
        for (stat, _) in stats.filter(|&(_, o)| o == outcome) {
            stat.add(1, defined, || {
                format!(
                    "tollgate_requests_total;{};outcome={}",
                    labels(),
                    outcome.name()
                )
            });
        }
        if settlement.usage == UsageSource::Estimated {
            self.estimated.add(settlement.content_deltas, defined, || {
                format!(
                    "tollgate_tokens_total;{};kind=completion_estimated",
                    labels()
                )
            });
        }
        for (stat, (kind, tokens)) in self.tokens.iter_mut().zip(settlement.tokens) {
            stat.add(tokens.unwrap_or(0), defined, || {
                format!("tollgate_tokens_total;{};kind={kind}", labels())
            });
        }
    }

    fn time(&mut self, settlement: &Settlement<'_>, defined: &mut usize, model: &str) {
        if settlement.lacks_usage {
            let name = || format!("tollgate_answers_without_usage_total;model={model}");
            self.without_usage.add(1, defined, name);
        }
        if settlement.model.is_some() && settlement.outcome != Outcome::Refused {
            let name = || format!("tollgate_request_duration_ms;model={model}");
            self.duration
                .record(settlement.duration / 1_000_000, defined, name);
        }
        if let Some(time) = settlement.time_to_first_token {
            let name = || format!("tollgate_time_to_first_token_ms;model={model}");
            self.first_token.record(time / 1_000_000, defined, name);
        }
    }
}
