//! Model rules to the document's models.

use crate::allow_list::AllowList;
use crate::amounts;
use crate::diagnostic::{Diagnostic, Site};
use crate::limits::{Account, Limits};
use crate::names::{self, Kind};
use crate::prices::Table;
use crate::rules::{FimRule, ModelRule, RuleFile, TargetRule, Text};
use crate::{sticky, values};
use serde_saphyr::Spanned;
use std::collections::BTreeMap;
use tollgate_core::document::{Capability, DEFAULT_UPSTREAM, Fim, Model, Target};

pub(crate) fn compile(
    files: &[RuleFile],
    table: &Table,
    limits: &mut Limits<'_, '_>,
    errors: &mut Vec<Diagnostic>,
) -> Vec<Model> {
    let mut models = Vec::new();
    for (file, rules) in files.iter().enumerate() {
        for (name, rule) in rules.models.iter() {
            let mut model = model(file, name, rule, errors);
            model.prices = table.of(file, name, rule, errors);
            let account = Account {
                name: format!("model:{}", name.value),
                models: &AllowList::default(),
            };
            model.limits = limits.compile(file, &account, &rule.limits, errors);
            models.push(model);
        }
    }
    models
}

fn model(file: usize, name: &Text, rule: &ModelRule, errors: &mut Vec<Diagnostic>) -> Model {
    names::check(Kind::Model, file, name, errors);
    for alias in &rule.aliases {
        names::check(Kind::Alias, file, alias, errors);
    }
    if let Some(objective) = &rule.objective {
        names::check(Kind::Objective, file, objective, errors);
    }
    check_sizes(file, rule, errors);
    if let Some(owner) = rule
        .owned_by
        .as_ref()
        .filter(|owner| owner.value.is_empty())
    {
        errors.push(Diagnostic::new(
            Site::of(file, owner),
            "`owned_by` is empty",
        ));
    }
    Model {
        name: name.value.clone(),
        aliases: rule
            .aliases
            .iter()
            .map(|alias| alias.value.clone())
            .collect(),
        targets: targets(file, name, rule, errors),
        context: rule.context.as_ref().map(|tokens| tokens.value),
        max_output: rule.max_output.as_ref().map(|tokens| tokens.value),
        template_tokens: rule.template_tokens.as_ref().map(|tokens| tokens.value),
        image_tokens: rule.image_tokens.as_ref().map(|tokens| tokens.value),
        tool_tokens: rule.tool_tokens.as_ref().map(|tokens| tokens.value),
        fim: rule.fim.as_ref().map(|rule| fim(file, rule, errors)),
        sticky: sticky::compile(file, &rule.sticky, errors),
        allow: capabilities(file, &rule.allow, errors),
        objective: rule.objective.as_ref().map(|name| name.value.clone()),
        created: rule
            .created
            .as_ref()
            .map_or(0, |date| values::date(file, date, errors)),
        owned_by: rule.owned_by.as_ref().map(|owner| owner.value.clone()),
        prices: Vec::new(),
        limits: Vec::new(),
    }
}

fn check_sizes(file: usize, rule: &ModelRule, errors: &mut Vec<Diagnostic>) {
    for (field, tokens) in [("context", &rule.context), ("max_output", &rule.max_output)] {
        if let Some(tokens) = tokens.as_ref().filter(|tokens| tokens.value == 0) {
            errors.push(Diagnostic::new(
                Site::of(file, tokens),
                format!("`{field}` is 0"),
            ));
        }
    }
    if let (Some(context), Some(output)) = (&rule.context, &rule.max_output)
        && output.value > context.value
    {
        let message = format!(
            "`max_output` ({}) is more than `context` ({})",
            output.value, context.value
        );
        errors.push(
            Diagnostic::new(Site::of(file, output), message)
                .and(Site::of(file, context), "the context window"),
        );
    }
}

fn targets(
    file: usize,
    model: &Text,
    rule: &ModelRule,
    errors: &mut Vec<Diagnostic>,
) -> Vec<Target> {
    let targets: Vec<_> = rule
        .targets
        .iter()
        .map(|(name, rule)| target(file, model, name, rule, errors))
        .collect();
    if targets.is_empty() {
        let message = format!("the model `{}` has no target", model.value);
        let help = "`targets: {stable: {}}` sends it to the upstream `default`";
        errors.push(Diagnostic::new(Site::of(file, model), message).help(help));
    } else if targets.iter().all(|target| target.weight == 0) {
        let message = format!(
            "every target of the model `{}` has the weight 0",
            model.value
        );
        let mut error = Diagnostic::new(Site::of(file, model), message);
        for (_, rule) in rule.targets.iter() {
            if let Some(weight) = &rule.weight {
                error = error.and(Site::of(file, weight), "");
            }
        }
        errors.push(error);
    }
    targets
}

fn target(
    file: usize,
    model: &Text,
    name: &Text,
    rule: &TargetRule,
    errors: &mut Vec<Diagnostic>,
) -> Target {
    names::check(Kind::Target, file, name, errors);
    if let Some(served) = &rule.model {
        names::check(Kind::Served, file, served, errors);
    }
    if let Some(credential) = &rule.credential {
        names::check(Kind::Credential, file, credential, errors);
    }
    let served = rule.model.as_ref().unwrap_or(model);
    Target {
        name: name.value.clone(),
        model: served.value.clone(),
        weight: rule.weight.as_ref().map_or(1, |weight| weight.value),
        upstreams: upstreams(file, rule, errors),
        credential: rule.credential.as_ref().map(|name| name.value.clone()),
        cold_start: rule
            .cold_start
            .as_ref()
            .and_then(|time| amounts::seconds(file, time, errors)),
    }
}

/// In the order written, which is that of priority.
fn upstreams(file: usize, rule: &TargetRule, errors: &mut Vec<Diagnostic>) -> Vec<String> {
    let Some(list) = &rule.upstreams else {
        return vec![DEFAULT_UPSTREAM.to_owned()];
    };
    if list.value.is_empty() {
        let help = format!("leave `upstreams` out for `[{DEFAULT_UPSTREAM}]`");
        errors.push(Diagnostic::new(Site::of(file, list), "no upstream is listed").help(help));
    }
    for upstream in &list.value {
        names::check(Kind::Upstream, file, upstream, errors);
    }
    report_repeated("upstream", file, &list.value, errors);
    list.value
        .iter()
        .map(|upstream| upstream.value.clone())
        .collect()
}

fn fim(file: usize, rule: &FimRule, errors: &mut Vec<Diagnostic>) -> Fim {
    let marks = [
        ("prefix", &rule.prefix),
        ("suffix", &rule.suffix),
        ("middle", &rule.middle),
    ];
    for (field, mark) in marks {
        if mark.value.is_empty() {
            let message = format!("the mark `{field}` is empty");
            errors.push(Diagnostic::new(Site::of(file, mark), message));
        }
    }
    let [prefix, suffix, middle] = marks.map(|(_, mark)| mark.value.clone());
    Fim {
        prefix,
        suffix,
        middle,
    }
}

fn capabilities(
    file: usize,
    list: &[Spanned<Capability>],
    errors: &mut Vec<Diagnostic>,
) -> Vec<Capability> {
    let mut seen: BTreeMap<Capability, Site> = BTreeMap::new();
    for capability in list {
        let site = Site::of(file, capability);
        if let Some(earlier) = seen.get(&capability.value) {
            errors.push(Diagnostic::new(site, "this is listed twice").and(*earlier, "first here"));
        } else {
            seen.insert(capability.value, site);
        }
    }
    seen.into_keys().collect()
}

/// Reports texts of a list that are equal to an earlier one.
fn report_repeated(what: &str, file: usize, list: &[Text], errors: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<&str, Site> = BTreeMap::new();
    for text in list {
        let site = Site::of(file, text);
        if let Some(earlier) = seen.insert(&text.value, site) {
            let message = format!("the {what} `{}` is listed twice", text.value);
            errors.push(Diagnostic::new(site, message).and(earlier, "first here"));
        }
    }
}
