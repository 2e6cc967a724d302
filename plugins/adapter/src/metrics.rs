//! Envoy metrics. Labels stand in a stat's name as `;label=value`; the shipped `stats_tags` turn
//! them into Prometheus labels.

use std::collections::HashMap;
use std::fmt::Write as _;

use proxy_wasm::hostcalls;
use proxy_wasm::types::MetricType;
use tollgate_core::settlement::Settlement;

/// Most series that one VM defines: Envoy never frees a stat. Beyond it, only series that exist
/// already are counted.
const MOST_SERIES: usize = 10_000;

/// The ids of the series this VM has touched.
#[derive(Default)]
pub(crate) struct Metrics {
    ids: HashMap<String, u32>,
    /// Reused for building names.
    name: String,
}

impl Metrics {
    /// Counts one settled exchange.
    pub(crate) fn count(&mut self, settlement: &Settlement<'_>) {
        let organization = settlement
            .tenant
            .map_or("none", |tenant| tenant.organization);
        let team = settlement.tenant.map_or("none", |tenant| tenant.team);
        let model = settlement.model.unwrap_or("none");
        let labels = [
            ("organization", organization),
            ("team", team),
            ("model", model),
        ];
        let outcome = ("outcome", settlement.outcome.name());
        self.add(
            "tollgate_requests_total",
            labels.into_iter().chain([outcome]),
            1,
        );
        if let Some(reason) = settlement.reason {
            self.add("tollgate_refusals_total", [("reason", reason)], 1);
        }
        for (kind, tokens) in settlement.tokens {
            let tokens = tokens.unwrap_or(0);
            self.add(
                "tollgate_tokens_total",
                labels.into_iter().chain([("kind", kind)]),
                tokens,
            );
        }
        let model = [("model", model)];
        if settlement.lacks_usage {
            self.add("tollgate_answers_without_usage_total", model, 1);
        }
        if settlement.model.is_some() {
            self.record("tollgate_request_duration_ms", model, settlement.duration);
        }
        if let Some(time) = settlement.time_to_first_token {
            self.record("tollgate_time_to_first_token_ms", model, time);
        }
    }

    fn add<'a>(
        &mut self,
        metric: &str,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        amount: u64,
    ) {
        let Some(amount) = i64::try_from(amount).ok().filter(|&amount| amount > 0) else {
            return;
        };
        if let Some(id) = self.id(MetricType::Counter, metric, labels)
            && let Err(status) = hostcalls::increment_metric(id, amount)
        {
            log::warn!("{metric} could not be counted: {status:?}");
        }
    }

    fn record<'a>(
        &mut self,
        metric: &str,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        nanos: u64,
    ) {
        if let Some(id) = self.id(MetricType::Histogram, metric, labels)
            && let Err(status) = hostcalls::record_metric(id, nanos / 1_000_000)
        {
            log::warn!("{metric} could not be recorded: {status:?}");
        }
    }

    fn id<'a>(
        &mut self,
        kind: MetricType,
        metric: &str,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Option<u32> {
        self.name.clear();
        self.name.push_str(metric);
        for (label, value) in labels {
            let written = write!(self.name, ";{label}={value}");
            debug_assert!(written.is_ok(), "writing to a String can't fail");
        }
        if let Some(&id) = self.ids.get(&self.name) {
            return Some(id);
        }
        if self.ids.len() >= MOST_SERIES {
            return None;
        }
        let id = hostcalls::define_metric(kind, &self.name).ok()?;
        self.ids.insert(self.name.clone(), id);
        Some(id)
    }
}
