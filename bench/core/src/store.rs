//! Accounts' records in memory, in the place of those that Envoy's workers share.

use std::cell::RefCell;
use std::collections::HashMap;

use tollgate_core::exchange::{Exchange, Plan};
use tollgate_core::limits::record::Vm;
use tollgate_core::limits::rule::Amounts;
use tollgate_core::limits::settling::Settling;
use tollgate_core::limits::shared::{self, Found, run};
use tollgate_core::limits::taken::Taken;
use tollgate_core::limits::taking::{Inputs, Taking};
use tollgate_core::limits::terms::Terms;
use tollgate_core::limits::time::Now;
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
        run(&mut taking, &mut self.of(&accounts));
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
        let mut settling = Settling::new(&terms, reservations, used, now);
        run(&mut settling, &mut self.of(&accounts));
    }

    fn of(&self, accounts: &[Account<'_>]) -> OfAccounts<'_> {
        let names = accounts.iter().map(|account| account.name);
        OfAccounts {
            records: &self.records,
            keys: names.map(|name| name.to_string()).collect(),
        }
    }
}

/// The records of some accounts.
struct OfAccounts<'a> {
    records: &'a RefCell<HashMap<String, (Vec<u8>, u32)>>,
    keys: Vec<String>,
}

impl shared::Store for OfAccounts<'_> {
    fn read(&mut self, account: usize) -> Found {
        self.records.borrow().get(&self.keys[account]).cloned()
    }

    fn write(&mut self, account: usize, value: &[u8], cas: u32) -> bool {
        let record = (value.to_vec(), cas.wrapping_add(1));
        let key = self.keys[account].clone();
        self.records.borrow_mut().insert(key, record);
        true
    }
}

fn terms<'a>(accounts: &[Account<'a>]) -> Vec<Terms<'a>> {
    accounts.iter().map(|account| account.terms).collect()
}
