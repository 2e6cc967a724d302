//! Which accounts have to have room for a request.

use std::fmt;

use super::{KeyId, Model, Policy, Tenant, index};
use crate::concerns::Concerns;
use crate::limits::rule::{Bound, Limit, Measure};
use crate::limits::terms::Terms;

/// An account that has limits.
#[derive(Clone, Copy, Debug)]
pub struct Account<'p> {
    /// What identifies it in every policy.
    pub name: AccountName<'p>,
    /// What it is held to.
    pub terms: Terms<'p>,
}

/// Written `key:acme/platform/ada`, `team:acme/platform`, `organization:acme`, `model:gpt-4o`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum AccountName<'p> {
    Key(Tenant<'p>),
    Team(Tenant<'p>),
    Organization(Tenant<'p>),
    Model(&'p str),
}

impl fmt::Display for AccountName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: &[&str] = match self {
            Self::Key(tenant) => &[
                "key:",
                tenant.organization,
                "/",
                tenant.team,
                "/",
                tenant.key,
            ],
            Self::Team(tenant) => &["team:", tenant.organization, "/", tenant.team],
            Self::Organization(tenant) => &["organization:", tenant.organization],
            Self::Model(name) => &["model:", name],
        };
        parts.iter().try_for_each(|part| f.write_str(part))
    }
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
            let name = AccountName::Model(&model.name);
            accounts.extend(self.account(name, &model.limits));
        }
        accounts
    }

    /// Whether any key, team or organization has limits.
    pub fn limits_tenants(&self) -> bool {
        self.shared_accounts().next().is_some()
            || (self.keys.iter()).any(|key| {
                let restrictions = key.restrictions.as_ref();
                restrictions.is_some_and(|restrictions| !restrictions.limits.is_empty())
            })
    }

    /// Organizations and teams that have limits: what many keys share.
    pub fn shared_accounts(&self) -> impl Iterator<Item = Account<'_>> {
        let tenant = |organization, team| Tenant {
            organization,
            team,
            key: "",
        };
        let organizations = self.organizations.iter().filter_map(move |organization| {
            let name = AccountName::Organization(tenant(&organization.name, ""));
            self.account(name, &organization.limits)
        });
        let teams = self.teams.iter().filter_map(move |team| {
            let organization = self.organizations.get(index(team.organization))?;
            let name = AccountName::Team(tenant(&organization.name, &team.name));
            self.account(name, &team.limits)
        });
        organizations.chain(teams)
    }

    fn add_tenant<'p>(&'p self, key: KeyId, accounts: &mut Vec<Account<'p>>) {
        let team = self.key(key).and_then(|key| self.team(key.team));
        let (Some(names), Some(team)) = (self.tenant(key), team) else {
            return;
        };
        if let Some(restrictions) = self.restrictions(key) {
            accounts.extend(self.account(AccountName::Key(names), &restrictions.limits));
        }
        accounts.extend(self.account(AccountName::Team(names), &team.limits));
        if let Some(organization) = self.organizations.get(index(team.organization)) {
            let name = AccountName::Organization(names);
            accounts.extend(self.account(name, &organization.limits));
        }
    }

    fn account<'p>(&'p self, name: AccountName<'p>, limits: &'p [Limit]) -> Option<Account<'p>> {
        let zones = &self.zones;
        let terms = Terms {
            limits,
            zones,
            leases: None,
        };
        (!limits.is_empty()).then_some(Account { name, terms })
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
