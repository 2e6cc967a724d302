//! Changing the record of one account after the other: each is read and written until nobody else
//! was first.

use super::record::Record;
use super::shared::{Copy, Found, MOST_TRIES, Operation};

/// Where it is, and what came of the accounts before.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The account at hand.
    account: usize,
    /// What is to be written for it.
    write: Option<(Vec<u8>, u32)>,
    tries: u32,
    conflicts: u32,
    failed: Vec<(usize, Failure)>,
}

/// Why an account's record is not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Others wrote it all the time: to be tried again later.
    Busy,
    /// It can't be read, and is left alone.
    Unreadable,
}

impl Walk {
    /// The account at hand.
    pub(super) fn account(&self) -> usize {
        self.account
    }

    /// What to do next with the account at hand.
    pub(super) fn next(&self) -> Operation<'_> {
        match &self.write {
            None => Operation::Read(self.account),
            Some((value, cas)) => Operation::Write {
                account: self.account,
                value,
                cas: *cas,
            },
        }
    }

    /// What came of a read, to be changed and written.
    pub(super) fn read(&mut self, found: Found, now: u64, change: impl FnOnce(&mut Record)) {
        match Copy::read(found, now) {
            Ok(mut copy) => {
                change(&mut copy.record);
                self.write = Some((copy.record.encode(), copy.cas));
            }
            Err(_) => self.fail(Failure::Unreadable),
        }
    }

    /// Whether a write was done, and with it the account.
    pub(super) fn wrote(&mut self, done: bool) {
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

    /// To the next account.
    pub(super) fn go_on(&mut self) {
        self.account = self.account.saturating_add(1);
        self.tries = 0;
    }

    /// Writes that failed because another worker was first.
    pub(super) fn conflicts(&self) -> u32 {
        self.conflicts
    }

    /// The accounts that are not changed, by their place.
    pub(super) fn failed(&self) -> &[(usize, Failure)] {
        &self.failed
    }

    fn fail(&mut self, failure: Failure) {
        self.failed.push((self.account, failure));
        self.go_on();
    }
}
