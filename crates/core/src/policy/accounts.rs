//! Which accounts have to have room for a request.

use super::{KeyId, Model, Policy, Tenant, index};
use crate::concerns::Concerns;
use crate::limits::judge::Terms;
use crate::limits::rule::{Bound, Limit, Measure};

/// An account that has limits.
#[derive(Clone, Debug)]
pub struct Account<'p> {
    /// What identifies it in every policy: `key:acme/platform/ada`, `team:acme/platform`,
    /// `organization:acme`, `model:gpt-4o`.
    pub name: String,
    /// What it is held to.
    pub terms: Terms<'p>,
}

impl Policy {
    /// Keeps the limits that a module with these concerns holds accounts to.
    pub fn keep_limits_of(&mut self, concerns: Concerns) {
        if concerns.limit && concerns.spend {
            return;
        }
        let keep = |limits: &mut Box<[Limit]>| {
            let mut kept = std::mem::take(limits).into_vec();
            kept.retain(|limit| concerns.holds_to(limit));
            *limits = kept.into();
        };
        self.models
            .iter_mut()
            .for_each(|model| keep(&mut model.limits));
        self.teams
            .iter_mut()
            .for_each(|team| keep(&mut team.limits));
        for organization in &mut self.organizations {
            keep(&mut organization.limits);
        }
        let keys = self.keys.iter_mut();
        for restrictions in keys.filter_map(|key| key.restrictions.as_mut()) {
            keep(&mut restrictions.limits);
        }
    }

    /// The accounts of a request, in the order in which they are taken from: key, team, organization,
    /// model. Those without limits are left out.
    pub fn accounts<'p>(
        &'p self,
        key: Option<KeyId>,
        model: Option<&'p Model>,
    ) -> Vec<Account<'p>> {
        let mut accounts = Vec::with_capacity(4);
        if let Some(key) = key {
            self.add_tenant(key, &mut accounts);
        }
        if let Some(model) = model {
            let name = || format!("model:{}", model.name);
            accounts.extend(self.account(&model.limits, name));
        }
        accounts
    }

    fn add_tenant<'p>(&'p self, key: KeyId, accounts: &mut Vec<Account<'p>>) {
        let team = self.key(key).and_then(|key| self.team(key.team));
        let (Some(names), Some(team)) = (self.tenant(key), team) else {
            return;
        };
        let Tenant {
            organization: outer,
            team: middle,
            key: inner,
        } = names;
        if let Some(restrictions) = self.restrictions(key) {
            let name = || format!("key:{outer}/{middle}/{inner}");
            accounts.extend(self.account(&restrictions.limits, name));
        }
        let name = || format!("team:{outer}/{middle}");
        accounts.extend(self.account(&team.limits, name));
        if let Some(organization) = self.organizations.get(index(team.organization)) {
            let name = || format!("organization:{outer}");
            accounts.extend(self.account(&organization.limits, name));
        }
    }

    fn account<'p>(
        &'p self,
        limits: &'p [Limit],
        name: impl FnOnce() -> String,
    ) -> Option<Account<'p>> {
        (!limits.is_empty()).then(|| Account {
            name: name(),
            terms: Terms {
                limits,
                zones: &self.zones,
            },
        })
    }
}

impl Concerns {
    /// Whether this limit is one of its own.
    fn holds_to(self, limit: &Limit) -> bool {
        match &limit.bound {
            Bound::Window {
                measure: Measure::Money,
                ..
            } => self.spend,
            _ => self.limit,
        }
    }

    /// What the records of accounts are kept under: modules of a chain may share a host's data, and
    /// each counts by itself.
    pub fn records(self) -> &'static str {
        match (self.limit, self.spend) {
            (true, false) => "tollgate.rates",
            (false, true) => "tollgate.budgets",
            _ => "tollgate.accounts",
        }
    }
}
