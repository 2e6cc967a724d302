//! Limit rules to the document's limits.

mod check;

use crate::catalog::Catalog;
use crate::diagnostic::{Diagnostic, Site};
use crate::names::{self, Kind};
use crate::rules::{AdmitRule, AmountsRule, LimitRule, ModeRule, RaiseRule, Text};
use crate::values;
use crate::zones::Zones;
use serde_saphyr::Spanned;
use std::collections::BTreeMap;
use tollgate_core::document::{Limit, Measure, Mode, Overrun, Per, Raise};
use tollgate_core::money::Usd;

/// Limits of one account: each is looked at for every request.
const MOST_LIMITS: usize = 32;
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

impl Limits<'_, '_> {
    /// The limits of one account, such as `team:acme/payments`.
    pub(crate) fn compile(
        &mut self,
        file: usize,
        account: &str,
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
                errors.push(Diagnostic::new(site, message).and(earlier, "first here"));
            }
            let line = rule.referenced.line();
            let name = self.files.get(file).map_or("", |source| &source.name);
            self.sources
                .insert(limit.rule.clone(), format!("{name}:{line}"));
            limits.push(limit);
            sites.push(site);
        }
        check::raises(&limits, &sites, errors);
        limits.sort_by(|a, b| a.rule.cmp(&b.rule));
        limits
    }

    fn limit(
        &mut self,
        file: usize,
        account: &str,
        rule: &Spanned<LimitRule>,
        errors: &mut Vec<Diagnostic>,
    ) -> Option<Limit> {
        let (measure, amount) = measure(file, rule, errors)?;
        let before = errors.len();
        check::fields(file, measure, rule, errors);
        let per = per(file, measure, rule, errors);
        let canonical = amount_of(file, measure, amount, errors);
        let rule = &rule.value;
        let zone = rule.zone.as_ref();
        let zone = zone.and_then(|zone| self.zones.resolve(file, zone, errors));
        let burst = rule.burst.as_ref();
        let burst = burst.and_then(|text| values::positive(file, text, errors));
        if let Some(message) = &rule.message {
            check::message(file, message, errors);
        }
        let fallback = rule.fallback.as_ref();
        let fallback = fallback.and_then(|model| self.catalog.resolve(file, model, errors));
        let mode = mode(file, rule, errors);
        let raises = raises(file, &rule.raises, errors);
        if measure == Measure::Budget
            && let Some(admit) = &rule.admit
            && admit.value == AdmitRule::WorstCase
            && let Some(priced) = self.priced_time
        {
            let message = "time has a price, and no request has a worst case of it";
            let error = Diagnostic::new(Site::of(file, admit), message);
            errors.push(error.and(priced, "the price"));
        }
        if errors.len() > before {
            return None;
        }
        Some(Limit {
            rule: name(account, measure, per, zone.as_deref(), mode),
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
            fallback: fallback.map(str::to_owned),
            message: rule.message.as_ref().map(|message| message.value.clone()),
            hidden: matches!(&rule.amounts, Some(shown) if shown.value == AmountsRule::Hidden),
            raises,
        })
    }
}

/// A rule's name: `team:acme/payments:tokens/day@Europe/Berlin`.
fn name(
    account: &str,
    measure: Measure,
    per: Option<Per>,
    zone: Option<&str>,
    mode: Mode,
) -> String {
    let mut name = format!("{account}:{}", word(measure));
    if let Some(per) = per {
        name.push('/');
        name.push_str(period(per));
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

/// What the rule limits: exactly one thing.
fn measure<'r>(
    file: usize,
    rule: &'r Spanned<LimitRule>,
    errors: &mut Vec<Diagnostic>,
) -> Option<(Measure, &'r Text)> {
    let LimitRule {
        requests,
        tokens,
        prompt_tokens,
        completion_tokens,
        budget,
        concurrency,
        max_output,
        ..
    } = &rule.value;
    let all = [
        (Measure::Requests, requests),
        (Measure::Tokens, tokens),
        (Measure::PromptTokens, prompt_tokens),
        (Measure::CompletionTokens, completion_tokens),
        (Measure::Budget, budget),
        (Measure::Concurrency, concurrency),
        (Measure::MaxOutput, max_output),
    ];
    let mut given = all
        .into_iter()
        .filter_map(|(measure, amount)| Some((measure, amount.as_ref()?)));
    let Some(first) = given.next() else {
        let known: Vec<_> = all.iter().map(|(measure, _)| word(*measure)).collect();
        let message = "the limit does not say what it limits";
        let help = format!("one of: {}", known.join(", "));
        errors.push(Diagnostic::new(Site::of(file, rule), message).help(help));
        return None;
    };
    if let Some((measure, amount)) = given.next() {
        let message = format!(
            "the limit is on `{}` and `{}`",
            word(first.0),
            word(measure)
        );
        let error = Diagnostic::new(Site::of(file, amount), message);
        errors.push(error.help("each limit stands alone: `- requests: 10` and `- tokens: 1k`"));
        return None;
    }
    Some(first)
}

/// The period, of those that this measure is counted over.
fn per(
    file: usize,
    measure: Measure,
    rule: &Spanned<LimitRule>,
    errors: &mut Vec<Diagnostic>,
) -> Option<Per> {
    let known: &[Per] = match measure {
        Measure::Concurrency | Measure::MaxOutput => return None,
        Measure::Budget => &[Per::Hour, Per::Day, Per::Week, Per::Month, Per::Ever],
        _ => &[Per::Second, Per::Minute, Per::Hour, Per::Day],
    };
    let words: Vec<_> = known.iter().map(|per| period(*per)).collect();
    let help = format!("`per` is one of: {}", words.join(", "));
    let Some(per) = &rule.value.per else {
        let message = format!("`{}` does not say over what time", word(measure));
        errors.push(Diagnostic::new(Site::of(file, rule), message).help(help));
        return None;
    };
    if !known.contains(&per.value) {
        let period = period(per.value);
        let message = format!("`{}` can't be limited per {period}", word(measure));
        errors.push(Diagnostic::new(Site::of(file, per), message).help(help));
    }
    Some(per.value)
}

/// The amount in one spelling.
fn amount_of(
    file: usize,
    measure: Measure,
    text: &Text,
    errors: &mut Vec<Diagnostic>,
) -> Option<String> {
    match measure {
        Measure::Budget => values::dollars(file, text, errors).map(|usd| usd.to_string()),
        _ => values::positive(file, text, errors).map(|count| count.to_string()),
    }
}

fn mode(file: usize, rule: &LimitRule, errors: &mut Vec<Diagnostic>) -> Mode {
    let is_shadow = matches!(&rule.mode, Some(mode) if mode.value == ModeRule::Shadow);
    let soft = rule.soft.as_ref().filter(|soft| soft.value);
    if is_shadow && let Some(soft) = soft {
        let message = "a budget in shadow refuses nothing anyhow: it can't be `soft` as well";
        errors.push(Diagnostic::new(Site::of(file, soft), message));
    }
    match (is_shadow, soft) {
        (true, _) => Mode::Shadow,
        (false, Some(_)) => Mode::Soft,
        (false, None) => Mode::Enforce,
    }
}

fn raises(
    file: usize,
    rules: &crate::rules::Entries<RaiseRule>,
    errors: &mut Vec<Diagnostic>,
) -> Vec<Raise> {
    let mut raises: Vec<Raise> = Vec::new();
    for (name, rule) in rules.iter() {
        names::check(Kind::Raise, file, name, errors);
        let amount = values::dollars(file, &rule.amount, errors).unwrap_or_default();
        if amount == Usd::ZERO {
            let site = Site::of(file, &rule.amount);
            errors.push(Diagnostic::new(site, "a raise of nothing"));
        }
        raises.push(Raise {
            name: name.value.clone(),
            amount: amount.to_string(),
            until: values::date(file, &rule.until, errors),
        });
    }
    raises.sort_by(|a, b| (a.until, &a.name).cmp(&(b.until, &b.name)));
    raises
}

fn word(measure: Measure) -> &'static str {
    match measure {
        Measure::Requests => "requests",
        Measure::Tokens => "tokens",
        Measure::PromptTokens => "prompt_tokens",
        Measure::CompletionTokens => "completion_tokens",
        Measure::Budget => "budget",
        Measure::Concurrency => "concurrency",
        Measure::MaxOutput => "max_output",
    }
}

fn period(per: Per) -> &'static str {
    match per {
        Per::Second => "second",
        Per::Minute => "minute",
        Per::Hour => "hour",
        Per::Day => "day",
        Per::Week => "week",
        Per::Month => "month",
        Per::Ever => "ever",
    }
}
