//! Envoy's metrics as Prometheus would scrape them, and how they change.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::expect::MetricExpect;
use anyhow::{Context, Result};

use super::admin::get;

/// The module's series at one moment.
#[derive(Debug, Default)]
pub struct Snapshot(Vec<Series>);

#[derive(Debug)]
struct Series {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Snapshot {
    /// Asks Envoy.
    pub fn take(admin: SocketAddr) -> Result<Self> {
        let answer = get(admin, "/stats/prometheus?filter=wasmcustom")?;
        let text = String::from_utf8(answer.body)?;
        let lines = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        let series = lines.map(|line| parse(line).with_context(|| format!("metric line {line:?}")));
        Ok(Self(series.collect::<Result<_>>()?))
    }

    /// One line for each metric that changed otherwise than expected since `before`.
    pub fn problems(&self, before: &Self, expected: &[MetricExpect]) -> Vec<String> {
        let differs = |metric: &&MetricExpect| self.delta(before, metric) != metric.delta;
        let problem = |metric: &MetricExpect| {
            let (name, labels) = (&metric.name, &metric.labels);
            let delta = self.delta(before, metric);
            format!(
                "metric {name}{labels:?}: expected a change of {}, saw {delta}",
                metric.delta
            )
        };
        expected.iter().filter(differs).map(problem).collect()
    }

    /// The sum of a metric's series that have these labels.
    pub fn total(&self, name: &str, labels: &[(&str, &str)]) -> i64 {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.sum(&MetricExpect {
            name: name.to_owned(),
            labels: labels.iter().map(own).collect(),
            delta: 0,
        }) as i64
    }

    /// Every counter of the module with its labels, and its value.
    pub fn counters(&self) -> BTreeMap<String, i64> {
        let counters = self
            .0
            .iter()
            .filter(|series| series.name.ends_with("_total"));
        counters
            .map(
                |Series {
                     name,
                     labels,
                     value,
                 }| (format!("{name}{labels:?}"), *value as i64),
            )
            .collect()
    }

    fn delta(&self, before: &Self, metric: &MetricExpect) -> i64 {
        (self.sum(metric) - before.sum(metric)) as i64
    }

    fn sum(&self, metric: &MetricExpect) -> f64 {
        let has = |series: &Series| {
            metric
                .labels
                .iter()
                .all(|(name, value)| series.labels.get(name) == Some(value))
        };
        let counted = self
            .0
            .iter()
            .filter(|series| series.name == metric.name && has(series));
        counted.map(|series| series.value).sum()
    }
}

/// `name{label="value",…} number`; no value in our policies needs an escape.
fn parse(line: &str) -> Option<Series> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.strip_suffix('}')?.split_terminator("\",");
    let label = |text: &str| {
        let (name, value) = text.split_once("=\"")?;
        Some((name.to_owned(), value.trim_end_matches('"').to_owned()))
    };
    Some(Series {
        name: name.to_owned(),
        labels: labels.map(label).collect::<Option<_>>()?,
        value: value.parse().ok()?,
    })
}
