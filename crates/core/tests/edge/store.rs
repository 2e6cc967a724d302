//! Accounts' records in memory; nobody else writes them.

use std::collections::BTreeMap;

use tollgate_core::limits::shared::{self, Found};
use tollgate_core::policy::Account;

#[derive(Default)]
pub(crate) struct Store {
    records: BTreeMap<String, (Vec<u8>, u32)>,
    writes: u32,
}

impl Store {
    /// Those of these accounts.
    pub(crate) fn of(&mut self, accounts: &[Account<'_>]) -> OfAccounts<'_> {
        let names = accounts.iter().map(|account| account.name);
        OfAccounts {
            store: self,
            names: names.map(|name| name.to_string()).collect(),
        }
    }
}

pub(crate) struct OfAccounts<'a> {
    store: &'a mut Store,
    names: Vec<String>,
}

impl shared::Store for OfAccounts<'_> {
    fn read(&mut self, account: usize) -> Found {
        self.store.records.get(&self.names[account]).cloned()
    }

    fn write(&mut self, account: usize, value: &[u8], _cas: u32) -> bool {
        let Store { records, writes } = self.store;
        *writes += 1;
        records.insert(self.names[account].clone(), (value.to_vec(), *writes));
        true
    }
}
