//! The rule files' shape, exactly as written; what it means is checked elsewhere.
//!
//! Every field that may be left out is an error when it is written but empty: `models:` with
//! nothing after it must not silently mean "all models".

use serde::Deserialize as Derive;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_saphyr::Spanned;
use std::{fmt, marker::PhantomData};
use tollgate_core::document::Capability;

/// Text with its place in the file.
pub(crate) type Text = Spanned<String>;
/// A list of texts, the list itself having a place too.
pub(crate) type Texts = Spanned<Vec<Text>>;

/// One file, or rather its content; `compile` knows it by its index.
#[derive(Derive)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleFile {
    #[serde(default)]
    pub(crate) models: Entries<ModelRule>,
    #[serde(default)]
    pub(crate) organizations: Entries<OrganizationRule>,
}

#[derive(Derive)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelRule {
    #[serde(default)]
    pub(crate) aliases: Vec<Text>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) context: Option<Spanned<u32>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) max_output: Option<Spanned<u32>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) owned_by: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) created: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) objective: Option<Text>,
    #[serde(default)]
    pub(crate) sticky: Vec<Spanned<StickyRule>>,
    #[serde(default)]
    pub(crate) allow: Vec<Spanned<Capability>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) fim: Option<FimRule>,
    #[serde(default)]
    pub(crate) targets: Entries<TargetRule>,
}

#[derive(Derive)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StickyRule {
    Key,
    Team,
    Organization,
    Header(Text),
    Field(Text),
}

#[derive(Derive)]
#[serde(deny_unknown_fields)]
pub(crate) struct FimRule {
    pub(crate) prefix: Text,
    pub(crate) suffix: Text,
    pub(crate) middle: Text,
}

#[derive(Derive)]
#[serde(deny_unknown_fields)]
pub(crate) struct TargetRule {
    #[serde(default, deserialize_with = "given")]
    pub(crate) model: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) weight: Option<Spanned<u32>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) upstreams: Option<Texts>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) credential: Option<Text>,
}

#[derive(Derive)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrganizationRule {
    #[serde(default, deserialize_with = "given")]
    pub(crate) models: Option<Texts>,
    #[serde(default)]
    pub(crate) teams: Entries<TeamRule>,
}

#[derive(Derive)]
#[serde(deny_unknown_fields)]
pub(crate) struct TeamRule {
    #[serde(default, deserialize_with = "given")]
    pub(crate) models: Option<Texts>,
    #[serde(default)]
    pub(crate) keys: Entries<KeyRule>,
}

#[derive(Derive)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyRule {
    #[serde(default, deserialize_with = "given")]
    pub(crate) hash: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) expires: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) cidrs: Option<Texts>,
    #[serde(default)]
    pub(crate) disabled: bool,
    #[serde(default, deserialize_with = "given")]
    pub(crate) models: Option<Texts>,
}

/// A mapping of names to rules, in the order of the file, each name with its place.
pub(crate) struct Entries<T>(Vec<(Text, T)>);

impl<T> Entries<T> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Text, T)> {
        self.0.iter()
    }
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

struct EntriesVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<T> {
    type Value = Entries<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping of names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}

/// A field that may be absent, but not null.
fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}
