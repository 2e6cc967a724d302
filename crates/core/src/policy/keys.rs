//! The keys of a canonical document, read straight from its text into their compact form.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ipnet::IpNet;
use serde::de::{DeserializeSeed, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::economy::Context;
use super::load::{TeamNames, resolve};
use super::{Key, Restrictions};
use crate::document::Limit;
use crate::names::ACCOUNT;
use crate::secret::Hash;

/// Most rows that room is made for at once; a name may hold braces, if nobody checked it.
const MOST_ROOM: usize = 1 << 17;

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
    #[serde(default)]
    limits: Vec<Limit>,
}

/// Reads the list of keys, in hash order, with what their names refer to at hand.
pub(super) struct KeyList<'a> {
    pub(super) teams: &'a TeamNames,
    pub(super) context: &'a Context<'a>,
    /// How many to make room for, so that the list never moves.
    pub(super) rows: usize,
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
        let mut keys: Vec<Key> = Vec::with_capacity(self.rows.min(MOST_ROOM));
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
        if !ACCOUNT.allows(name) {
            return Err(format!(
                "{name:?} can't be the name of a key: it is {}",
                ACCOUNT.text
            ));
        }
        let hash = decode_hash(row.hash).ok_or_else(|| format!("key {name:?}: bad hash"))?;
        let team = *self
            .teams
            .get(row.team)
            .ok_or_else(|| format!("key {name:?} is of the unknown team {:?}", row.team))?;
        let models = match row.models {
            Some(list) => Some(
                resolve(&list, self.context.models)
                    .map_err(|model| format!("key {name:?} allows the unknown model {model:?}"))?,
            ),
            None => None,
        };
        let limits = self.context.limits(row.limits).map_err(|e| e.to_string())?;
        let free = row.expires.is_none() && !row.disabled && row.cidrs.is_empty();
        let is_restricted = !free || models.is_some() || !limits.is_empty();
        let restrictions = is_restricted.then(|| {
            Box::new(Restrictions {
                expires: row.expires,
                disabled: row.disabled,
                cidrs: row.cidrs.into(),
                models,
                limits,
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
