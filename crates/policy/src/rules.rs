//! The rule files' shape, exactly as written; what it means is checked elsewhere.
//!
//! Every field that may be left out is an error when it is written but empty: `models:` with
//! nothing after it must not silently mean "all models".

use serde::Deserialize as Derive;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_saphyr::Spanned;
use std::{fmt, marker::PhantomData};
use tollgate_core::document::{Capability, Overrun};

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
    #[serde(default, deserialize_with = "given")]
    pub(crate) prices: Option<PricesRule>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) usage_path: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) cost_header: Option<Spanned<bool>>,
}

#[derive(Derive)]
#[serde(deny_unknown_fields)]
pub(crate) struct PricesRule {
    pub(crate) version: Text,
    pub(crate) models: Entries<Vec<Spanned<PriceRule>>>,
}

/// Prices in dollars, as decimal text.
#[derive(Derive)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceRule {
    #[serde(default, deserialize_with = "given")]
    pub(crate) from: Option<Text>,
    #[serde(default)]
    pub(crate) per_million_tokens: Entries<Text>,
    #[serde(default)]
    pub(crate) above: Entries<Entries<Text>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) per_request: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) per_image: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) per_second: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) discount: Option<Text>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Derive)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ModelPriceRule {
    Free,
}

/// One of the first seven is what is limited.
#[derive(Derive)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitRule {
    #[serde(default, deserialize_with = "given")]
    pub(crate) requests: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) tokens: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) prompt_tokens: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) completion_tokens: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) budget: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) concurrency: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) max_output: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) per: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) burst: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) zone: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) mode: Option<Spanned<ModeRule>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) soft: Option<Spanned<bool>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) fallback: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) admit: Option<Spanned<AdmitRule>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) on_overrun: Option<Spanned<Overrun>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) message: Option<Text>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) amounts: Option<Spanned<AmountsRule>>,
    #[serde(default)]
    pub(crate) raises: Entries<RaiseRule>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Derive)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ModeRule {
    Enforce,
    Shadow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Derive)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AdmitRule {
    Expected,
    WorstCase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Derive)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AmountsRule {
    Shown,
    Hidden,
}

#[derive(Derive)]
#[serde(deny_unknown_fields)]
pub(crate) struct RaiseRule {
    pub(crate) amount: Text,
    pub(crate) until: Text,
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
    pub(crate) template_tokens: Option<Spanned<u32>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) image_tokens: Option<Spanned<u32>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) tool_tokens: Option<Spanned<u32>>,
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
    #[serde(default, deserialize_with = "given")]
    pub(crate) price: Option<Spanned<ModelPriceRule>>,
    #[serde(default)]
    pub(crate) limits: Vec<Spanned<LimitRule>>,
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
    #[serde(default, deserialize_with = "given")]
    pub(crate) cold_start: Option<Text>,
}

#[derive(Derive)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrganizationRule {
    #[serde(default, deserialize_with = "given")]
    pub(crate) models: Option<Texts>,
    #[serde(default)]
    pub(crate) limits: Vec<Spanned<LimitRule>>,
    #[serde(default)]
    pub(crate) teams: Entries<TeamRule>,
}

#[derive(Derive)]
#[serde(deny_unknown_fields)]
pub(crate) struct TeamRule {
    #[serde(default, deserialize_with = "given")]
    pub(crate) models: Option<Texts>,
    #[serde(default)]
    pub(crate) limits: Vec<Spanned<LimitRule>>,
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
    #[serde(default)]
    pub(crate) limits: Vec<Spanned<LimitRule>>,
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
