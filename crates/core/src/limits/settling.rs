//! Settling a request with all of its accounts: each once, whatever others do to the records.

use super::judge::{Now, Terms};
use super::reservation::{self, Reservation};
use super::rule::Amounts;
use super::shared::{Copy, Found, MOST_TRIES, Operation};

/// Reads and writes each account's record until it is settled.
#[derive(Debug)]
pub struct Settling<'a> {
    terms: &'a [Terms<'a>],
    reservations: &'a [Reservation],
    used: Amounts,
    now: Now,
    /// The account at hand.
    account: usize,
    /// What is to be written for it.
    write: Option<(Vec<u8>, u32)>,
    tries: u32,
    conflicts: u32,
    failed: Vec<(usize, Failure)>,
}

/// Why an account is not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Others wrote its record all the time: to be tried again later.
    Busy,
    /// Its record can't be read, and is left alone.
    Unreadable,
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
            account: 0,
            write: None,
            tries: 0,
            conflicts: 0,
            failed: Vec::new(),
        }
    }

    /// What to do next; `None`: nothing more.
    pub fn next(&self) -> Option<Operation<'_>> {
        self.reservations.get(self.account)?;
        Some(match &self.write {
            None => Operation::Read(self.account),
            Some((value, cas)) => Operation::Write {
                account: self.account,
                value,
                cas: *cas,
            },
        })
    }

    /// What came of a read.
    pub fn read(&mut self, found: Found) {
        let (Some(reservation), Some(terms)) = (
            self.reservations.get(self.account),
            self.terms.get(self.account),
        ) else {
            return;
        };
        let Ok(mut copy) = Copy::read(found, self.now.wall) else {
            self.fail(Failure::Unreadable);
            return;
        };
        let record = &mut copy.record;
        reservation::settle(record, *terms, reservation, &self.used, self.now);
        self.write = Some((record.encode(), copy.cas));
    }

    /// Whether a write was done.
    pub fn wrote(&mut self, done: bool) {
        self.write = None;
        if done {
            self.go_on();
            return;
        }
        self.tries = self.tries.saturating_add(1);
        self.conflicts = self.conflicts.saturating_add(1);
        if self.tries >= MOST_TRIES {
            self.fail(Failure::Busy);
        }
    }

    /// Writes that failed because another worker was first.
    pub fn conflicts(&self) -> u32 {
        self.conflicts
    }

    /// The accounts that are not settled, by their place.
    pub fn failed(&self) -> &[(usize, Failure)] {
        &self.failed
    }

    fn fail(&mut self, failure: Failure) {
        self.failed.push((self.account, failure));
        self.go_on();
    }

    fn go_on(&mut self) {
        self.account = self.account.saturating_add(1);
        self.tries = 0;
    }
}
