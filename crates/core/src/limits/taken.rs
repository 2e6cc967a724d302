//! What became of a taking.

use super::reservation::{Lost, Reservation};
use super::settling::Failure;
use super::shortfall::Shortfall;
use super::standing::Standing;

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is taken.
    Admitted {
        /// For each account.
        reservations: Vec<Reservation>,
    },
    /// Nothing is taken.
    Refused {
        /// Other workers took and gave back meanwhile: it may fit in a moment.
        is_contested: bool,
    },
    /// Nothing is taken: others wrote the records all the time.
    Busy,
    /// Nothing is taken: the record of this account can't be read.
    Unreadable(usize),
}

/// Of no accounts.
impl Default for Outcome {
    fn default() -> Self {
        Self::Admitted {
            reservations: Vec::new(),
        }
    }
}

/// Everything that is to be known of a taking that is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// What became of it.
    pub outcome: Outcome,
    /// Limits that the request does not fit, with the place of their account, whatever their mode.
    pub shortfalls: Vec<(usize, Shortfall)>,
    /// How limits stand, with the place of their account: where it is admitted, this request's part
    /// being taken.
    pub standings: Vec<(usize, Standing)>,
    /// What dead VMs held and was cleared, with the place of the account.
    pub lost: Vec<(usize, Lost)>,
    /// Accounts in which what was taken could not be given back.
    pub unsettled: Vec<(usize, Failure, Reservation)>,
    /// Writes that failed because another worker was first.
    pub conflicts: u32,
}
