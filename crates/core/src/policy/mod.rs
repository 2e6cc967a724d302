//! The policy as requests meet it: typed, indexed and compact. It answers who a credential
//! belongs to and what a name means; it does not decide on requests.

mod accounts;
mod economy;
mod keys;
mod load;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use ipnet::IpNet;

pub use accounts::{Account, AccountName};
pub use load::LoadError;

use crate::document::{Capability, Fim, Sticky};
use crate::limits::rule::Limit;
use crate::limits::window::Zone;
use crate::price::PriceList;
use crate::secret::Hash;

/// A loaded policy. Ids are indices into it and mean nothing in another policy.
#[derive(Debug)]
pub struct Policy {
    version: Box<str>,
    models: Vec<Model>,
    /// Names and aliases.
    names: BTreeMap<Box<str>, ModelId>,
    organizations: Vec<Organization>,
    teams: Vec<Team>,
    /// Sorted by hash.
    keys: Vec<Key>,
    sticky_headers: Vec<Box<str>>,
    zones: Box<[Zone]>,
    price_version: Option<Box<str>>,
    usage_path: Option<Box<str>>,
    cost_header: bool,
}

/// A model of one policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModelId(u16);

/// A team of one policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TeamId(u32);

/// A key of one policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(u32);

/// A model as clients name it; fields as in [`crate::document::Model`].
#[derive(Debug)]
#[expect(missing_docs, reason = "documented in crate::document::Model")]
pub struct Model {
    pub name: Box<str>,
    pub targets: Box<[Target]>,
    pub context: Option<u32>,
    pub max_output: Option<u32>,
    pub template_tokens: Option<u32>,
    pub image_tokens: Option<u32>,
    pub tool_tokens: Option<u32>,
    pub fim: Option<Fim>,
    pub sticky: Box<[Sticky]>,
    pub objective: Option<Box<str>>,
    pub created: u64,
    pub owned_by: Option<Box<str>>,
    allow: Box<[Capability]>,
    prices: Box<[PriceList]>,
    limits: Box<[Limit]>,
}

/// One place that serves a model.
#[derive(Debug)]
pub struct Target {
    /// Unique within the model.
    pub name: Box<str>,
    /// The name that goes into the forwarded body.
    pub model: Box<str>,
    /// Relative share of the traffic.
    pub weight: u32,
    /// The Envoy cluster; see [`crate::document::cluster_name`].
    pub cluster: Box<str>,
    /// Seconds that a server takes to start, where none may be awake.
    pub cold_start: Option<NonZeroU32>,
}

#[derive(Debug)]
struct Organization {
    name: Box<str>,
    limits: Box<[Limit]>,
}

/// A team with its organization.
#[derive(Debug)]
pub struct Team {
    name: Box<str>,
    organization: u32,
    models: Option<Box<[ModelId]>>,
    limits: Box<[Limit]>,
}

/// A virtual key. Most keys carry no restrictions of their own, and there may be very many.
#[derive(Debug)]
pub struct Key {
    hash: Hash,
    name: Box<str>,
    team: TeamId,
    restrictions: Option<Box<Restrictions>>,
}

/// What one key is held to beyond its team's rules.
#[derive(Debug, Default)]
pub struct Restrictions {
    /// Unix seconds from which the key is refused.
    pub expires: Option<u64>,
    /// Refused whatever else holds.
    pub disabled: bool,
    /// Networks it may be used from; empty: any.
    pub cidrs: Box<[IpNet]>,
    models: Option<Box<[ModelId]>>,
    limits: Box<[Limit]>,
}

/// The accounts a key stands for, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Tenant<'a> {
    pub organization: &'a str,
    pub team: &'a str,
    pub key: &'a str,
}

impl Policy {
    /// 16 hex digits that name these rules and nothing else.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The headers by which any model keeps conversations together, each once.
    pub fn sticky_headers(&self) -> &[Box<str>] {
        &self.sticky_headers
    }

    /// The key whose secret has this hash.
    pub fn key_by_hash(&self, hash: &Hash) -> Option<KeyId> {
        // Most steps are decided by one comparison of numbers.
        let start = |hash: &Hash| hash.first_chunk().map(|start| u64::from_be_bytes(*start));
        let asked = start(hash);
        let order = |key: &Key| {
            start(&key.hash)
                .cmp(&asked)
                .then_with(|| key.hash.cmp(hash))
        };
        let index = self.keys.binary_search_by(order).ok()?;
        u32::try_from(index).ok().map(KeyId)
    }

    /// The hash of the key's secret: what identifies it in every policy.
    pub fn hash(&self, key: KeyId) -> Option<Hash> {
        self.key(key).map(|key| key.hash)
    }

    /// What the key is held to, if anything.
    pub fn restrictions(&self, key: KeyId) -> Option<&Restrictions> {
        self.key(key)?.restrictions.as_deref()
    }

    /// The names of the key, its team and its organization.
    pub fn tenant(&self, key: KeyId) -> Option<Tenant<'_>> {
        let key = self.key(key)?;
        let team = self.team(key.team)?;
        let organization = self.organizations.get(index(team.organization))?;
        Some(Tenant {
            organization: &organization.name,
            team: &team.name,
            key: &key.name,
        })
    }

    /// Where keys ask how they stand with their limits; `None`: nowhere.
    pub fn usage_path(&self) -> Option<&str> {
        self.usage_path.as_deref()
    }

    /// Whether short answers say what they cost.
    pub fn cost_header(&self) -> bool {
        self.cost_header
    }

    /// The version of the price table, if anything has a price.
    pub fn price_version(&self) -> Option<&str> {
        self.price_version.as_deref()
    }

    /// The model with this name or alias.
    pub fn model_by_name(&self, name: &str) -> Option<ModelId> {
        self.names.get(name).copied()
    }

    /// The model itself.
    pub fn model(&self, id: ModelId) -> Option<&Model> {
        self.models.get(usize::from(id.0))
    }

    /// Whether this key may use this model: its own list if it has one, else its team's.
    pub fn may_use(&self, key: KeyId, model: ModelId) -> bool {
        let Some(key) = self.key(key) else {
            return false;
        };
        let own = key.restrictions.as_ref().and_then(|r| r.models.as_ref());
        let list = match own {
            Some(list) => Some(list),
            None => match self.team(key.team) {
                Some(team) => team.models.as_ref(),
                None => return false,
            },
        };
        list.is_none_or(|models| models.binary_search(&model).is_ok())
    }

    /// Every model, by name.
    pub fn models(&self) -> impl Iterator<Item = (ModelId, &Model)> {
        (0..=u16::MAX).map(ModelId).zip(&self.models)
    }

    fn key(&self, id: KeyId) -> Option<&Key> {
        self.keys.get(index(id.0))
    }

    fn team(&self, id: TeamId) -> Option<&Team> {
        self.teams.get(index(id.0))
    }
}

impl Model {
    /// Whether it costs anything.
    pub fn has_prices(&self) -> bool {
        !self.prices.is_empty()
    }

    /// What it costs at this moment (Unix seconds); `None`: nothing.
    pub fn prices_at(&self, now: u64) -> Option<&PriceList> {
        self.prices.iter().rev().find(|list| list.from <= now)
    }

    /// Whether the model's rule allows this power.
    pub fn allows(&self, capability: Capability) -> bool {
        self.allow.contains(&capability)
    }
}

fn index(id: u32) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}
