//! Canonical document to [`Policy`]. Checks all that the module's safety rests on.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeSeed as _;
use serde_json::value::RawValue;

use super::economy::{self, Context, Zones};
use super::keys::KeyList;
use super::{Model, ModelId, Organization, Policy, Target, Team, TeamId};
use crate::document::{self, Capability, Sticky};
use crate::names::{ACCOUNT, MODEL, NameRule, SERVED};

/// Why a document can't be used; the text says which entry.
#[derive(Debug, PartialEq, Eq)]
pub struct LoadError(pub(super) String);

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
        let zones = Zones::load(document.zones)?;
        let names = model_names(&document.models)?;
        let context = Context {
            zones: &zones,
            models: &names,
            sources: &document.sources,
        };
        let models = document.models.into_iter();
        let models: Vec<Model> = models
            .map(|model| load_model(model, &context))
            .collect::<Result<_, _>>()?;
        let sticky_headers = sticky_headers(&models);
        let organizations = load_organizations(document.organizations, &context)?;
        let (teams, team_names) = load_teams(document.teams, &organizations, &context)?;
        let text = document.keys.get();
        let keys = KeyList {
            teams: &team_names,
            context: &context,
            // Each brace begins a row, or one of its limits.
            rows: memchr::memchr_iter(b'{', text.as_bytes()).count(),
        };
        let keys = keys
            .deserialize(&mut serde_json::Deserializer::from_str(text))
            .map_err(syntax)?;
        Ok(Self {
            version: document.version.into(),
            models,
            names,
            organizations,
            teams,
            keys,
            sticky_headers,
            zones: zones.into_zones(),
            price_version: document.prices.map(|prices| prices.version.into()),
            usage_path: document.usage_path.map(Into::into),
            cost_header: document.cost_header,
        })
    }
}

/// [`document::Document`] with the keys left as text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    format: u32,
    version: String,
    #[serde(default = "document::default_usage_path")]
    usage_path: Option<String>,
    #[serde(default)]
    cost_header: bool,
    #[serde(default)]
    prices: Option<document::Prices>,
    #[serde(default)]
    zones: Vec<document::Zone>,
    models: Vec<document::Model>,
    organizations: Vec<document::Organization>,
    teams: Vec<document::Team>,
    #[serde(borrow)]
    keys: &'a RawValue,
    #[serde(default)]
    sources: BTreeMap<String, String>,
}

pub(super) type Names = BTreeMap<Box<str>, ModelId>;
pub(super) type TeamNames = BTreeMap<String, TeamId>;

fn syntax(error: serde_json::Error) -> LoadError {
    LoadError(error.to_string())
}

/// A name goes where some characters mean something: into headers, log lines, labels of metrics.
fn check(what: &str, rule: &NameRule, name: &str) -> Result<(), LoadError> {
    if rule.allows(name) {
        return Ok(());
    }
    let problem = format!("{name:?} can't be the name of {what}: it is {}", rule.text);
    Err(LoadError(problem))
}

fn load_organizations(
    documents: Vec<document::Organization>,
    context: &Context<'_>,
) -> Result<Vec<Organization>, LoadError> {
    let mut organizations = Vec::with_capacity(documents.len());
    for organization in documents {
        check("an organization", &ACCOUNT, &organization.name)?;
        organizations.push(Organization {
            name: organization.name.into(),
            limits: context.limits(organization.limits)?,
        });
    }
    Ok(organizations)
}

fn model_names(documents: &[document::Model]) -> Result<Names, LoadError> {
    let mut names = Names::new();
    for (index, document) in documents.iter().enumerate() {
        let id = u16::try_from(index)
            .map(ModelId)
            .map_err(|_| LoadError("more than 65536 models".to_owned()))?;
        for name in std::iter::once(&document.name).chain(&document.aliases) {
            check("a model", &MODEL, name)?;
            if names.insert(name.as_str().into(), id).is_some() {
                return Err(LoadError(format!("model name {name:?} is used twice")));
            }
        }
    }
    Ok(names)
}

fn sticky_headers(models: &[Model]) -> Vec<Box<str>> {
    let mut names: Vec<Box<str>> = Vec::new();
    for sticky in models.iter().flat_map(|model| &model.sticky) {
        if let Sticky::Header(name) = sticky
            && !names.iter().any(|known| **known == **name)
        {
            names.push(name.as_str().into());
        }
    }
    names
}

fn load_model(model: document::Model, context: &Context<'_>) -> Result<Model, LoadError> {
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
    if let Some(objective) = &model.objective {
        check("an objective", &ACCOUNT, objective)?;
    }
    let prices = economy::prices(model.prices);
    let prices = prices.map_err(|problem| {
        let name = &model.name;
        LoadError(format!("the model {name:?} {problem}"))
    })?;
    let targets = model.targets.into_iter().map(load_target);
    Ok(Model {
        name: model.name.into(),
        targets: targets.collect::<Result<_, _>>()?,
        context: model.context,
        max_output: model.max_output,
        template_tokens: model.template_tokens,
        image_tokens: model.image_tokens,
        tool_tokens: model.tool_tokens,
        fim: model.fim,
        sticky: model.sticky.into(),
        objective: model.objective.map(Into::into),
        created: model.created,
        owned_by: model.owned_by.map(Into::into),
        allow: Box::<[Capability]>::from(model.allow),
        prices,
        limits: context.limits(model.limits)?,
    })
}

fn load_target(target: document::Target) -> Result<Target, LoadError> {
    check("a target", &ACCOUNT, &target.name)?;
    check("a served model", &SERVED, &target.model)?;
    for name in target.upstreams.iter().chain(&target.credential) {
        check("an upstream or a credential", &ACCOUNT, name)?;
    }
    let cluster = document::cluster_name(&target.upstreams, target.credential.as_deref());
    Ok(Target {
        name: target.name.into(),
        model: target.model.into(),
        weight: target.weight,
        cluster: cluster.into(),
        cold_start: target.cold_start,
    })
}

fn load_teams(
    documents: Vec<document::Team>,
    organizations: &[Organization],
    context: &Context<'_>,
) -> Result<(Vec<Team>, TeamNames), LoadError> {
    let mut teams = Vec::with_capacity(documents.len());
    let mut names = TeamNames::new();
    for team in documents {
        check("a team", &ACCOUNT, &team.name)?;
        let path = format!("{}/{}", team.organization, team.name);
        let organization = organizations
            .iter()
            .position(|known| *known.name == *team.organization)
            .and_then(|i| u32::try_from(i).ok())
            .ok_or_else(|| LoadError(format!("team {path:?} is of an unknown organization")))?;
        let id = TeamId(u32::try_from(teams.len()).unwrap_or(u32::MAX));
        let models = match team.models {
            Some(list) => Some(resolve(&list, context.models).map_err(|model| {
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
            limits: context.limits(team.limits)?,
        });
    }
    Ok((teams, names))
}

/// Names to sorted ids; the unknown name on failure.
pub(super) fn resolve(list: &[String], names: &Names) -> Result<Box<[ModelId]>, String> {
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
