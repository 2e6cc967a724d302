//! What a proxy may spend of accounts that several proxies share: each is lent a part of a window's
//! amount, and decides by that alone. A proxy that counts by itself has no leases.

use std::collections::BTreeMap;

use super::counter::CounterId;

/// Amounts that were lent to this proxy, by counter and the start of its window (Unix seconds), in
/// the counter's unit. They include what was spent of them: a lease that is extended grows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leases(BTreeMap<(CounterId, u64), u128>);

impl Leases {
    /// From now on, so much may be spent here in the window that began at `start`.
    pub fn lend(&mut self, counter: CounterId, start: u64, amount: u128) {
        self.0.insert((counter, start), amount);
    }

    /// What was lent; nothing where no lease is known.
    pub fn amount(&self, counter: CounterId, start: u64) -> u128 {
        let lent = self.0.get(&(counter, start));
        lent.copied().unwrap_or(0)
    }
}
