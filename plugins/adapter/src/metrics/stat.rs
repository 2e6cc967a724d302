//! One stat of Envoy's.

use proxy_wasm::hostcalls;
use proxy_wasm::types::MetricType;

/// Most stats that one VM defines: Envoy never frees one. Beyond it, only those that exist
/// already are counted.
pub(super) const MOST_STATS: usize = 10_000;

/// A stat's id, once it is defined.
#[derive(Default)]
pub(super) struct Stat(Option<u32>);

impl Stat {
    pub(super) fn add(&mut self, amount: u64, defined: &mut usize, name: impl FnOnce() -> String) {
        let amount = i64::try_from(amount).unwrap_or(i64::MAX);
        if amount > 0
            && let Some(id) = self.id(MetricType::Counter, defined, name)
            && let Err(status) = hostcalls::increment_metric(id, amount)
        {
            log::warn!("a counter could not be counted: {status:?}");
        }
    }

    /// A counter that is there before it has counted anything.
    pub(super) fn show(&mut self, defined: &mut usize, name: impl FnOnce() -> String) {
        self.id(MetricType::Counter, defined, name);
    }

    /// One more value of a histogram.
    pub(super) fn record(
        &mut self,
        value: u64,
        defined: &mut usize,
        name: impl FnOnce() -> String,
    ) {
        self.write(MetricType::Histogram, value, defined, name);
    }

    /// What a gauge shows from now on.
    pub(super) fn set(&mut self, value: u64, defined: &mut usize, name: impl FnOnce() -> String) {
        self.write(MetricType::Gauge, value, defined, name);
    }

    fn write(
        &mut self,
        kind: MetricType,
        value: u64,
        defined: &mut usize,
        name: impl FnOnce() -> String,
    ) {
        if let Some(id) = self.id(kind, defined, name)
            && let Err(status) = hostcalls::record_metric(id, value)
        {
            log::warn!("a stat could not be recorded: {status:?}");
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
