//! Which accounts have to have room for a request.

use super::{KeyId, Model, Policy, Tenant, index};
use crate::limits::judge::Terms;
use crate::limits::rule::Limit;

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
