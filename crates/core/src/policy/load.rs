//! Canonical document to [`Policy`]. Checks all that the module's safety rests on.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ipnet::IpNet;
use serde::de::{DeserializeSeed, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Key, Model, ModelId, Policy, Restrictions, Target, Team, TeamId};
use crate::document::{self, Capability};
use crate::secret::Hash;

/// Why a document can't be used; the text says which entry.
#[derive(Debug, PartialEq, Eq)]
pub struct LoadError(String);

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LoadError {}

impl Policy {
    /// Reads a canonical document. Keys go straight from the text into their compact form, so
    /// that 10,000 of them never stand in memory twice.
    pub fn load(text: &[u8]) -> Result<Self, LoadError> {
        let text = std::str::from_utf8(text).map_err(|e| LoadError(format!("not UTF-8: {e}")))?;
        let document: Envelope<'_> = serde_json::from_str(text).map_err(syntax)?;
        if document.format != document::FORMAT {
            return Err(LoadError(format!(
                "document format {} is not the {} this module reads: render the policy with the \
                 tollgate of the module's version",
                document.format,
                document::FORMAT
            )));
        }
        let (models, names) = load_models(document.models)?;
        let organizations: Vec<Box<str>> = document
            .organizations
            .into_iter()
            .map(|o| o.name.into())
            .collect();
        let (teams, team_names) = load_teams(document.teams, &organizations, &names)?;
        let keys = KeyList {
            teams: &team_names,
            models: &names,
        };
        let keys = keys
            .deserialize(&mut serde_json::Deserializer::from_str(document.keys.get()))
            .map_err(syntax)?;
        let reads_source_address = keys.iter().any(|key| {
            key.restrictions
                .as_ref()
                .is_some_and(|r| !r.cidrs.is_empty())
        });
        Ok(Self {
            version: document.version.into(),
            models,
            names,
            organizations,
            teams,
            keys,
            reads_source_address,
        })
    }
}

/// [`document::Document`] with the keys left as text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    format: u32,
    version: String,
    models: Vec<document::Model>,
    organizations: Vec<document::Organization>,
    teams: Vec<document::Team>,
    #[serde(borrow)]
    keys: &'a RawValue,
}

/// [`document::Key`], borrowed from the text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyRow<'a> {
    hash: &'a str,
    name: &'a str,
    team: &'a str,
    #[serde(default)]
    expires: Option<u64>,
    #[serde(default)]
    disabled: bool,
    #[serde(default)]
    cidrs: Vec<IpNet>,
    #[serde(default)]
    models: Option<Vec<String>>,
}

type Names = BTreeMap<Box<str>, ModelId>;
type TeamNames = BTreeMap<String, TeamId>;

fn syntax(error: serde_json::Error) -> LoadError {
    LoadError(error.to_string())
}

fn load_models(documents: Vec<document::Model>) -> Result<(Vec<Model>, Names), LoadError> {
    let mut models = Vec::with_capacity(documents.len());
    let mut names = Names::new();
    for document in documents {
        let id = u16::try_from(models.len())
            .map(ModelId)
            .map_err(|_| LoadError("more than 65536 models".to_owned()))?;
        for name in std::iter::once(&document.name).chain(&document.aliases) {
            if names.insert(name.as_str().into(), id).is_some() {
                return Err(LoadError(format!("model name {name:?} is used twice")));
            }
        }
        models.push(load_model(document)?);
    }
    Ok((models, names))
}

fn load_model(model: document::Model) -> Result<Model, LoadError> {
    if !model.targets.iter().any(|target| target.weight > 0) {
        return Err(LoadError(format!(
            "model {:?} has no target with a weight",
            model.name
        )));
    }
    if let Some(target) = model
        .targets
        .iter()
        .find(|target| target.upstreams.is_empty())
    {
        return Err(LoadError(format!(
            "target {:?} of model {:?} names no upstream",
            target.name, model.name
        )));
    }
    Ok(Model {
        name: model.name.into(),
        targets: model.targets.into_iter().map(load_target).collect(),
        context: model.context,
        max_output: model.max_output,
        fim: model.fim,
        sticky: model.sticky.into(),
        objective: model.objective.map(Into::into),
        created: model.created,
        owned_by: model.owned_by.map(Into::into),
        allow: Box::<[Capability]>::from(model.allow),
    })
}

fn load_target(target: document::Target) -> Target {
    let cluster = document::cluster_name(&target.upstreams, target.credential.as_deref());
    Target {
        name: target.name.into(),
        model: target.model.into(),
        weight: target.weight,
        cluster: cluster.into(),
    }
}

fn load_teams(
    documents: Vec<document::Team>,
    organizations: &[Box<str>],
    models: &Names,
) -> Result<(Vec<Team>, TeamNames), LoadError> {
    let mut teams = Vec::with_capacity(documents.len());
    let mut names = TeamNames::new();
    for team in documents {
        let path = format!("{}/{}", team.organization, team.name);
        let organization = organizations
            .iter()
            .position(|name| **name == *team.organization)
            .and_then(|i| u32::try_from(i).ok())
            .ok_or_else(|| LoadError(format!("team {path:?} is of an unknown organization")))?;
        let id = TeamId(u32::try_from(teams.len()).unwrap_or(u32::MAX));
        let models = match team.models {
            Some(list) => Some(resolve(&list, models).map_err(|model| {
                LoadError(format!("team {path:?} allows the unknown model {model:?}"))
            })?),
            None => None,
        };
        if names.insert(path.clone(), id).is_some() {
            return Err(LoadError(format!("team {path:?} stands there twice")));
        }
        teams.push(Team {
            name: team.name.into(),
            organization,
            models,
        });
    }
    Ok((teams, names))
}

/// Names to sorted ids; the unknown name on failure.
fn resolve(list: &[String], names: &Names) -> Result<Box<[ModelId]>, String> {
    let mut ids = list
        .iter()
        .map(|name| {
            names
                .get(name.as_str())
                .copied()
                .ok_or_else(|| name.clone())
        })
        .collect::<Result<Vec<_>, _>>()?;
    ids.sort_unstable();
    ids.dedup();
    Ok(ids.into())
}

/// Reads the list of keys, in hash order, with what their names refer to at hand.
struct KeyList<'a> {
    teams: &'a TeamNames,
    models: &'a Names,
}

impl<'de> DeserializeSeed<'de> for KeyList<'_> {
    type Value = Vec<Key>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Key>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for KeyList<'_> {
    type Value = Vec<Key>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of keys")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Vec<Key>, A::Error> {
        let mut keys: Vec<Key> = Vec::new();
        while let Some(row) = rows.next_element::<KeyRow<'de>>()? {
            let key = self.key(row).map_err(serde::de::Error::custom)?;
            if keys
                .last()
                .is_some_and(|previous| previous.hash >= key.hash)
            {
                return Err(serde::de::Error::custom(format!(
                    "key {:?} is out of order or a second key with the same secret",
                    key.name
                )));
            }
            keys.push(key);
        }
        if u32::try_from(keys.len()).is_err() {
            return Err(serde::de::Error::custom("too many keys"));
        }
        keys.shrink_to_fit();
        Ok(keys)
    }
}

impl KeyList<'_> {
    fn key(&self, row: KeyRow<'_>) -> Result<Key, String> {
        let name = row.name;
        let hash = decode_hash(row.hash).ok_or_else(|| format!("key {name:?}: bad hash"))?;
        let team = *self
            .teams
            .get(row.team)
            .ok_or_else(|| format!("key {name:?} is of the unknown team {:?}", row.team))?;
        let models = match row.models {
            Some(list) => Some(
                resolve(&list, self.models)
                    .map_err(|model| format!("key {name:?} allows the unknown model {model:?}"))?,
            ),
            None => None,
        };
        let free = row.expires.is_none() && !row.disabled && row.cidrs.is_empty();
        let restrictions = (!free || models.is_some()).then(|| {
            Box::new(Restrictions {
                expires: row.expires,
                disabled: row.disabled,
                cidrs: row.cidrs.into(),
                models,
            })
        });
        Ok(Key {
            hash,
            name: name.into(),
            team,
            restrictions,
        })
    }
}

fn decode_hash(text: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut hash).ok()?;
    (length == hash.len()).then_some(hash)
}
