//! Accounts' records in memory, in the place of those that Envoy's workers share.

use std::cell::RefCell;
use std::collections::HashMap;

use tollgate_core::exchange::{Exchange, Plan};
use tollgate_core::limits::judge::{Now, Terms};
use tollgate_core::limits::record::Vm;
use tollgate_core::limits::rule::Amounts;
use tollgate_core::limits::settling::Settling;
use tollgate_core::limits::shared::Operation;
use tollgate_core::limits::taken::Taken;
use tollgate_core::limits::taking::{Inputs, Taking};
use tollgate_core::limits::vms::Vms;
use tollgate_core::policy::Account;

#[derive(Debug, Default)]
pub(crate) struct Store {
    records: RefCell<HashMap<String, (Vec<u8>, u32)>>,
    vms: Vms,
}

impl Store {
    pub(crate) fn take(&self, plan: &Plan<'_>, now: Now) -> Taken {
        let accounts = plan.accounts();
        let terms = terms(&accounts);
        let mut taking = Taking::new(Inputs {
            terms: &terms,
            demand: plan.demand(),
            now,
            vm: Vm::default(),
            vms: &self.vms,
        });
        let keys = keys(&accounts);
        while let Some(operation) = taking.next() {
            match operation {
                Operation::Read(account) => {
                    let found = self.records.borrow().get(&keys[account]).cloned();
                    taking.read(found);
                }
                Operation::Write {
                    account,
                    value,
                    cas,
                } => {
                    self.write(&keys[account], value, cas);
                    taking.wrote(true);
                }
            }
        }
        taking.finish()
    }

    pub(crate) fn settle(&self, exchange: &Exchange, used: Amounts, now: Now) {
        let Some((model, reservations)) = exchange.held() else {
            return;
        };
        let policy = exchange.policy();
        let model = model.and_then(|model| policy.model(model));
        let accounts = policy.accounts(exchange.key_id(), model);
        let terms = terms(&accounts);
        let keys = keys(&accounts);
        let mut settling = Settling::new(&terms, reservations, used, now);
        while let Some(operation) = settling.next() {
            match operation {
                Operation::Read(account) => {
                    let found = self.records.borrow().get(&keys[account]).cloned();
                    settling.read(found);
                }
                Operation::Write {
                    account,
                    value,
                    cas,
                } => {
                    self.write(&keys[account], value, cas);
                    settling.wrote(true);
                }
            }
        }
    }

    fn write(&self, key: &str, value: &[u8], cas: u32) {
        let record = (value.to_vec(), cas.wrapping_add(1));
        self.records.borrow_mut().insert(key.to_owned(), record);
    }
}

fn terms<'a>(accounts: &[Account<'a>]) -> Vec<Terms<'a>> {
    accounts.iter().map(|account| account.terms).collect()
}

fn keys(accounts: &[Account<'_>]) -> Vec<String> {
    let names = accounts.iter().map(|account| account.name);
    names.map(|name| name.to_string()).collect()
}
