//! A window limit, seen in the window of this moment.

use super::counter::CounterId;
use super::record::Record;
use super::rule::{Bound, Limit, Measure};
use super::spending;
use super::terms::Terms;
use super::time::Now;
use super::window::Window;

/// A window limit as it stands.
pub(super) struct WindowView {
    pub(super) measure: Measure,
    pub(super) counter: CounterId,
    pub(super) window: Window,
    pub(super) amount: u128,
    /// Of the amount, and of raises.
    pub(super) left: u128,
}

impl WindowView {
    pub(super) fn of(record: &Record, terms: Terms<'_>, limit: &Limit, now: Now) -> Option<Self> {
        let Bound::Window {
            measure,
            amount,
            counter,
            ..
        } = &limit.bound
        else {
            return None;
        };
        let window = terms.window(limit, now.seconds())?;
        Some(Self {
            measure: *measure,
            counter: *counter,
            window,
            amount: *amount,
            left: spending::left(record, terms, limit, window.start, now),
        })
    }
}
