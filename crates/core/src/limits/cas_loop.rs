//! Changing the record of one account after the other: each is read and written until nobody else
//! was first.

use super::record::Record;
use super::shared::{Found, MOST_TRIES, Operation, Snapshot};

/// Where it is, and what came of the accounts before.
#[derive(Debug, Default)]
pub(super) struct CasLoop {
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

impl Failure {
    /// To follow after "can't be settled: ".
    pub fn text(self) -> &'static str {
        match self {
            Self::Busy => "its record was written by others all the time",
            Self::Unreadable => "its record can't be read",
        }
    }
}

impl CasLoop {
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
        match Snapshot::read(found, now) {
            Ok(mut snapshot) => {
                change(&mut snapshot.record);
                self.write = Some((snapshot.record.encode(), snapshot.cas));
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
