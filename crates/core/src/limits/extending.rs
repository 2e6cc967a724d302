//! Reserving more for a request in flight, with all of its accounts. It is taken even where it does
//! not fit: that has been used already, or is about to be.

use super::cas_loop::{CasLoop, Failure};
use super::reservation::{self, Reservation};
use super::rule::Amounts;
use super::shared::{Found, Operation, Transaction};
use super::shortfall::Shortfall;
use super::terms::Terms;
use super::time::Now;

/// Reads and writes the records of those accounts that hold less.
#[derive(Debug)]
pub struct Extending<'a> {
    terms: &'a [Terms<'a>],
    reservations: Vec<Reservation>,
    amounts: Amounts,
    now: Now,
    records: CasLoop,
    /// Of the account at hand, once it is written.
    extended: Reservation,
    /// The limits of the account at hand that it does not fit.
    beyond: Vec<Shortfall>,
    exceeded: Vec<(usize, Shortfall)>,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extended {
    /// What is held from now on, by account.
    pub reservations: Vec<Reservation>,
    /// Limits that it does not fit, with the place of their account, whatever their mode.
    pub exceeded: Vec<(usize, Shortfall)>,
    /// Accounts in which nothing more could be reserved, by their place.
    pub failed: Vec<(usize, Failure)>,
    /// Writes that failed because another worker was first.
    pub conflicts: u32,
}

impl<'a> Extending<'a> {
    /// Up to `amounts` in all. `reservations` are those of the accounts with these `terms`, in the
    /// same order.
    pub fn new(
        terms: &'a [Terms<'a>],
        reservations: Vec<Reservation>,
        amounts: Amounts,
        now: Now,
    ) -> Self {
        let mut extending = Self {
            terms,
            reservations,
            amounts,
            now,
            records: CasLoop::default(),
            extended: Reservation::default(),
            beyond: Vec::new(),
            exceeded: Vec::new(),
        };
        extending.skip_covered();
        extending
    }

    /// Once it has nothing more.
    pub fn finish(self) -> Extended {
        Extended {
            reservations: self.reservations,
            exceeded: self.exceeded,
            failed: self.records.failed().to_vec(),
            conflicts: self.records.conflicts(),
        }
    }

    /// Accounts that hold enough are not even read.
    fn skip_covered(&mut self) {
        let covers = |reservation: &Reservation| reservation.covers(&self.amounts);
        while self
            .reservations
            .get(self.records.account())
            .is_some_and(covers)
        {
            self.records.go_on();
        }
    }
}

impl Transaction for Extending<'_> {
    fn next(&self) -> Option<Operation<'_>> {
        let is_left = self.records.account() < self.reservations.len();
        is_left.then(|| self.records.next())
    }

    fn read(&mut self, found: Found) {
        let account = self.records.account();
        let (Some(reservation), Some(terms)) =
            (self.reservations.get(account), self.terms.get(account))
        else {
            return;
        };
        let (amounts, now) = (&self.amounts, self.now);
        self.extended = reservation.clone();
        let (extended, beyond) = (&mut self.extended, &mut self.beyond);
        self.records.read(found, now.wall, |record| {
            *beyond = reservation::extend(record, *terms, extended, amounts, now);
        });
        self.skip_covered();
    }

    fn wrote(&mut self, done: bool) {
        let account = self.records.account();
        self.records.wrote(done);
        if done {
            if let Some(reservation) = self.reservations.get_mut(account) {
                *reservation = std::mem::take(&mut self.extended);
            }
            let beyond = self.beyond.drain(..).map(|beyond| (account, beyond));
            self.exceeded.extend(beyond);
        }
        self.skip_covered();
    }
}
