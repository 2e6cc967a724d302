//! What the limits ask of a store that all workers share, one operation at a time: whoever runs it
//! does the operations and says what came of them.

use super::record::{Record, Unreadable};

/// Writes that may fail in a row, because others wrote in between, before one gives up.
pub const MOST_TRIES: u32 = 64;

/// The number under which a record that does not exist is written: the host heeds it if another
/// was first. 0 would overwrite.
pub const ABSENT: u32 = u32::MAX;

/// An operation on the record of one account, named by its place in the list that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation<'a> {
    /// Read it.
    Read(usize),
    /// Write it if it still has this number (compare-and-swap).
    Write {
        /// Whose.
        account: usize,
        /// The new value.
        value: &'a [u8],
        /// The number that it was read under.
        cas: u32,
    },
}

/// What a read found: the value and its number; `None` if there is none.
pub type Found = Option<(Vec<u8>, u32)>;

/// A change of several records, one operation after the other.
pub trait Transaction {
    /// What to do next; `None`: nothing more.
    fn next(&self) -> Option<Operation<'_>>;

    /// What came of a read.
    fn read(&mut self, found: Found);

    /// Whether a write was done.
    fn wrote(&mut self, done: bool);
}

/// Where the records of a transaction's accounts are.
pub trait Store {
    /// The record of this account.
    fn read(&mut self, account: usize) -> Found;

    /// Writes it, if it still has this number; whether it did.
    fn write(&mut self, account: usize, value: &[u8], cas: u32) -> bool;
}

/// Does all that a transaction asks for.
pub fn run(transaction: &mut impl Transaction, store: &mut impl Store) {
    while let Some(operation) = transaction.next() {
        match operation {
            Operation::Read(account) => transaction.read(store.read(account)),
            Operation::Write {
                account,
                value,
                cas,
            } => {
                let done = store.write(account, value, cas);
                transaction.wrote(done);
            }
        }
    }
}

/// A record as it was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    pub(super) record: Record,
    pub(super) cas: u32,
}

impl Snapshot {
    /// A record that does not exist counts from now.
    pub(super) fn read(found: Found, now: u64) -> Result<Self, Unreadable> {
        match found {
            Some((value, cas)) => Ok(Self {
                record: Record::decode(&value)?,
                cas,
            }),
            None => Ok(Self {
                record: Record::new(now),
                cas: ABSENT,
            }),
        }
    }
}
