//! Envoy metrics. Labels stand in a stat's name as `;label=value`; the shipped `stats_tags` turn
//! them into Prometheus labels.
//!
//! A stat's id is asked for once and kept, for all of one tenant's use of one model together: a
//! request then costs one look-up.

use std::collections::HashMap;

use proxy_wasm::hostcalls;
use proxy_wasm::types::MetricType;
use tollgate_core::settlement::{Outcome, Settlement, UsageSource};

/// Most stats that one VM defines: Envoy never frees one. Beyond it, only those that exist
/// already are counted.
const MOST_STATS: usize = 10_000;

/// The stats this VM has touched.
#[derive(Default)]
pub(crate) struct Metrics {
    /// By organization, team and model, each ended by a newline, which no name contains.
    accounts: HashMap<String, Account>,
    refusals: HashMap<&'static str, Stat>,
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
}

/// A stat's id, once it is defined.
#[derive(Default)]
struct Stat(Option<u32>);

impl Metrics {
    /// Counts one settled exchange.
    pub(crate) fn count(&mut self, settlement: &Settlement<'_>) {
        if let Some(reason) = settlement.reason {
            let stat = self.refusals.entry(reason).or_default();
            stat.add(1, &mut self.defined, || {
                format!("tollgate_refusals_total;reason={reason}")
            });
        }
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
    }
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
        if settlement.model.is_some() {
            let name = || format!("tollgate_request_duration_ms;model={model}");
            self.duration.record(settlement.duration, defined, name);
        }
        if let Some(time) = settlement.time_to_first_token {
            let name = || format!("tollgate_time_to_first_token_ms;model={model}");
            self.first_token.record(time, defined, name);
        }
    }
}

impl Stat {
    fn add(&mut self, amount: u64, defined: &mut usize, name: impl FnOnce() -> String) {
        let amount = i64::try_from(amount).unwrap_or(i64::MAX);
        if amount > 0
            && let Some(id) = self.id(MetricType::Counter, defined, name)
            && let Err(status) = hostcalls::increment_metric(id, amount)
        {
            log::warn!("a counter could not be counted: {status:?}");
        }
    }

    /// Records a duration in milliseconds.
    fn record(&mut self, nanos: u64, defined: &mut usize, name: impl FnOnce() -> String) {
        if let Some(id) = self.id(MetricType::Histogram, defined, name)
            && let Err(status) = hostcalls::record_metric(id, nanos / 1_000_000)
        {
            log::warn!("a histogram could not be recorded: {status:?}");
        }
    }

    fn id(
        &mut self,
        kind: MetricType,
        defined: &mut usize,
        name: impl FnOnce() -> String,
    ) -> Option<u32> {
        if self.0.is_none() && *defined < MOST_STATS {
            self.0 = hostcalls::define_metric(kind, &name()).ok();
            *defined = defined.saturating_add(usize::from(self.0.is_some()));
        }
        self.0
    }
}
