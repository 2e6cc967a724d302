//! Limit rules to the document's limits.

mod check;
mod raises;
mod words;

use crate::allow_list::AllowList;
use crate::amounts;
use crate::catalog::Catalog;
use crate::diagnostic::{Diagnostic, Site};
use crate::rules::{AdmitRule, AmountsRule, LimitRule, ModeRule, Text};
use crate::zones::Zones;
use serde_saphyr::Spanned;
use std::collections::BTreeMap;
use tollgate_core::document::{Limit, MOST_LIMITS, Measure, Mode, Overrun, Per};
use tollgate_core::limits::rule::RatePeriod;

/// What limit rules refer to, and what is gathered from them.
pub(crate) struct Limits<'c, 'a> {
    pub(crate) catalog: &'c Catalog<'a>,
    pub(crate) files: &'c [crate::Source],
    pub(crate) zones: Zones,
    /// Where time has a price.
    pub(crate) priced_time: Option<Site>,
    /// Each rule's `file:line`.
    pub(crate) sources: BTreeMap<String, String>,
}

/// Whose limits they are.
pub(crate) struct Account<'l, 'a> {
    /// Such as `team:acme/payments`.
    pub(crate) name: String,
    /// What its requests may go to.
    pub(crate) models: &'l AllowList<'a>,
}

impl Limits<'_, '_> {
    /// The limits of one account.
    pub(crate) fn compile(
        &mut self,
        file: usize,
        account: &Account<'_, '_>,
        rules: &[Spanned<LimitRule>],
        errors: &mut Vec<Diagnostic>,
    ) -> Vec<Limit> {
        if let Some(beyond) = rules.get(MOST_LIMITS) {
            let message = format!("an account has at most {MOST_LIMITS} limits");
            errors.push(Diagnostic::new(Site::of(file, beyond), message));
            return Vec::new();
        }
        let mut seen: BTreeMap<String, Site> = BTreeMap::new();
        let mut limits = Vec::with_capacity(rules.len());
        let mut sites = Vec::with_capacity(rules.len());
        for rule in rules {
            let Some(limit) = self.limit(file, account, rule, errors) else {
                continue;
            };
            let site = Site::of(file, rule);
            if let Some(earlier) = seen.insert(limit.rule.clone(), site) {
                let message = "the account has this limit twice";
                let help = "one of them may be in shadow, or soft where it is a budget";
                let error = Diagnostic::new(site, message).and(earlier, "first here");
                errors.push(error.help(help));
            }
            let line = rule.referenced.line();
            let name = self.files.get(file).map_or("", |source| &source.name);
            self.sources
                .insert(limit.rule.clone(), format!("{name}:{line}"));
            limits.push(limit);
            sites.push(site);
        }
        raises::check(&limits, &sites, errors);
        limits.sort_by(|a, b| a.rule.cmp(&b.rule));
        limits
    }

    fn limit(
        &mut self,
        file: usize,
        account: &Account<'_, '_>,
        rule: &Spanned<LimitRule>,
        errors: &mut Vec<Diagnostic>,
    ) -> Option<Limit> {
        let (measure, amount) = words::measure(file, rule, errors)?;
        let before = errors.len();
        let per = words::per(file, measure, rule, errors);
        check::fields(file, measure, per, &rule.value, errors);
        let (canonical, burst) = amounts(file, measure, per, amount, &rule.value, errors);
        let rule = &rule.value;
        let zone = rule.zone.as_ref();
        let zone = zone.and_then(|zone| self.zones.resolve(file, zone, errors));
        check::message(file, rule, errors);
        check::worst_case(file, measure, rule, self.priced_time, errors);
        let mode = mode(rule);
        let fallback = self.fallback(file, account, rule, errors);
        let raises = raises::compile(file, &rule.raises, errors);
        if errors.len() > before {
            return None;
        }
        Some(Limit {
            rule: name(&account.name, measure, per, zone.as_deref(), mode),
            measure,
            amount: canonical?,
            per,
            burst,
            zone,
            mode,
            worst_case: matches!(&rule.admit, Some(admit) if admit.value == AdmitRule::WorstCase),
            on_overrun: rule
                .on_overrun
                .as_ref()
                .map_or(Overrun::Finish, |o| o.value),
            fallback,
            message: rule.message.as_ref().map(|message| message.value.clone()),
            hidden: matches!(&rule.amounts, Some(shown) if shown.value == AmountsRule::Hidden),
            raises,
        })
    }

    /// The model that requests go to instead: another one, which the account may use.
    fn fallback(
        &self,
        file: usize,
        account: &Account<'_, '_>,
        rule: &LimitRule,
        errors: &mut Vec<Diagnostic>,
    ) -> Option<String> {
        let text = rule.fallback.as_ref()?;
        let model = self.catalog.resolve(file, text, errors)?;
        let site = Site::of(file, text);
        if account.name.strip_prefix("model:") == Some(model) {
            errors.push(Diagnostic::new(site, "a model can't fall back to itself"));
        }
        if let Some(list) = account.models.excludes(model) {
            let message = format!("{} may not use the model `{model}`", account.name);
            errors.push(Diagnostic::new(site, message).and(list, "what it may use"));
        }
        Some(model.to_owned())
    }
}

/// The amount in one spelling, and the burst of a rate.
fn amounts(
    file: usize,
    measure: Measure,
    per: Option<Per>,
    amount: &Text,
    rule: &LimitRule,
    errors: &mut Vec<Diagnostic>,
) -> (Option<String>, Option<u32>) {
    let given = rule.burst.as_ref();
    let burst = given.and_then(|text| amounts::positive(file, text, errors));
    let canonical = match (measure, per) {
        (Measure::Budget, _) => amounts::dollars(file, amount, errors).map(|usd| usd.to_string()),
        (_, Some(Per::Day)) => amounts::count(file, amount, errors).map(|count| count.to_string()),
        _ => amounts::positive(file, amount, errors).map(|count| {
            if let Some(period) = per.and_then(RatePeriod::of) {
                check::rate(file, (amount, count), given.zip(burst), period, errors);
            }
            count.to_string()
        }),
    };
    (canonical, burst)
}

/// A rule's name: `team:acme/payments:tokens/day@Europe/Berlin`.
fn name(
    account: &str,
    measure: Measure,
    per: Option<Per>,
    zone: Option<&str>,
    mode: Mode,
) -> String {
    let mut name = format!("{account}:{}", words::of_measure(measure));
    if let Some(per) = per {
        name.push('/');
        name.push_str(words::of_period(per));
    }
    if let Some(zone) = zone {
        name.push('@');
        name.push_str(zone);
    }
    match mode {
        Mode::Enforce => {}
        Mode::Shadow => name.push_str(":shadow"),
        Mode::Soft => name.push_str(":soft"),
    }
    name
}

fn mode(rule: &LimitRule) -> Mode {
    let is_shadow = matches!(&rule.mode, Some(mode) if mode.value == ModeRule::Shadow);
    let is_soft = matches!(&rule.soft, Some(soft) if soft.value);
    match (is_shadow, is_soft) {
        (true, _) => Mode::Shadow,
        (false, true) => Mode::Soft,
        (false, false) => Mode::Enforce,
    }
}
