//! Settling a request with all of its accounts: each once, whatever others do to the records.

use super::reservation::{self, Reservation};
use super::rule::Amounts;
use super::shared::{Found, Operation, Transaction};
use super::terms::Terms;
use super::time::Now;
pub use super::walk::Failure;
use super::walk::Walk;

/// Reads and writes each account's record until it is settled.
#[derive(Debug)]
pub struct Settling<'a> {
    terms: &'a [Terms<'a>],
    reservations: &'a [Reservation],
    used: Amounts,
    now: Now,
    walk: Walk,
}

impl<'a> Settling<'a> {
    /// `reservations` are those of the accounts with these `terms`, in the same order.
    pub fn new(
        terms: &'a [Terms<'a>],
        reservations: &'a [Reservation],
        used: Amounts,
        now: Now,
    ) -> Self {
        Self {
            terms,
            reservations,
            used,
            now,
            walk: Walk::default(),
        }
    }

    /// Writes that failed because another worker was first.
    pub fn conflicts(&self) -> u32 {
        self.walk.conflicts()
    }

    /// The accounts that are not settled, by their place.
    pub fn failed(&self) -> &[(usize, Failure)] {
        self.walk.failed()
    }
}

impl Transaction for Settling<'_> {
    fn next(&self) -> Option<Operation<'_>> {
        let is_left = self.walk.account() < self.reservations.len();
        is_left.then(|| self.walk.next())
    }

    fn read(&mut self, found: Found) {
        let account = self.walk.account();
        if let (Some(reservation), Some(terms)) =
            (self.reservations.get(account), self.terms.get(account))
        {
            let (used, now) = (&self.used, self.now);
            self.walk.read(found, now.wall, |record| {
                reservation::settle(record, *terms, reservation, used, now);
            });
        }
    }

    fn wrote(&mut self, done: bool) {
        self.walk.wrote(done);
    }
}
