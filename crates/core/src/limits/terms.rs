//! What an account is held to.

use super::counter::CounterId;
use super::lease::Leases;
use super::rule::{Bound, Limit};
use super::window::{Window, Zone};

/// What decisions on one account depend on besides its record.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The account's limits.
    pub limits: &'a [Limit],
    /// The policy's zones.
    pub zones: &'a [Zone],
    /// Where several proxies share the account: what this one may spend of windows. `None`: it counts
    /// by itself, and the amounts of the limits hold.
    pub leases: Option<&'a Leases>,
}

impl Terms<'_> {
    /// What may be spent here of a window's amount, without raises.
    pub(super) fn leased(&self, amount: u128, counter: CounterId, start: u64) -> u128 {
        let lent = self.leases.map(|leases| leases.amount(counter, start));
        lent.map_or(amount, |lent| lent.min(amount))
    }

    /// The window of a limit that holds this moment, in Unix seconds.
    pub(super) fn window(&self, limit: &Limit, moment: u64) -> Option<Window> {
        let Bound::Window { period, zone, .. } = &limit.bound else {
            return None;
        };
        let zone = self.zones.get(usize::from(*zone))?;
        Some(zone.window(*period, moment))
    }
}
