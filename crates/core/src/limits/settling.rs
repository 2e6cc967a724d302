//! Settling a request with all of its accounts: each once, whatever others do to the records.

use super::cas_loop::CasLoop;
pub use super::cas_loop::Failure;
use super::reservation::{self, Reservation};
use super::rule::Amounts;
use super::shared::{Found, Operation, Transaction};
use super::terms::Terms;
use super::time::Now;

/// Reads and writes each account's record until it is settled.
#[derive(Debug)]
pub struct Settling<'a> {
    terms: &'a [Terms<'a>],
    reservations: &'a [Reservation],
    used: Amounts,
    now: Now,
    records: CasLoop,
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
            records: CasLoop::default(),
        }
    }

    /// Writes that failed because another worker was first.
    pub fn conflicts(&self) -> u32 {
        self.records.conflicts()
    }

    /// The accounts that are not settled, by their place.
    pub fn failed(&self) -> &[(usize, Failure)] {
        self.records.failed()
    }
}

impl Transaction for Settling<'_> {
    fn next(&self) -> Option<Operation<'_>> {
        let is_left = self.records.account() < self.reservations.len();
        is_left.then(|| self.records.next())
    }

    fn read(&mut self, found: Found) {
        let account = self.records.account();
        if let (Some(reservation), Some(terms)) =
            (self.reservations.get(account), self.terms.get(account))
        {
            let (used, now) = (&self.used, self.now);
            self.records.read(found, now.wall, |record| {
                reservation::settle(record, *terms, reservation, used, now);
            });
        }
    }

    fn wrote(&mut self, done: bool) {
        self.records.wrote(done);
    }
}
