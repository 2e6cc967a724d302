//! What a limit rule may say, beyond what each of its values may be.

use super::words::{of_measure, of_period};
use crate::diagnostic::{Diagnostic, Site};
use crate::rules::{AdmitRule, LimitRule, ModeRule, Text};
use tollgate_core::document::{LONGEST_MESSAGE, Measure, Overrun, Per};
use tollgate_core::limits::rate::{Rate, Uncountable};
use tollgate_core::limits::rule::RatePeriod;

/// Fields that mean nothing here must not be given: they would seem to do something.
pub(super) fn fields(
    file: usize,
    measure: Measure,
    per: Option<Per>,
    rule: &LimitRule,
    errors: &mut Vec<Diagnostic>,
) {
    let is_money = measure == Measure::Budget;
    let is_standing = matches!(measure, Measure::Concurrency | Measure::MaxOutput);
    let is_window = is_money || per == Some(Per::Day);
    let is_estimated = !is_standing && measure != Measure::Requests;
    let site = |text: &Option<Text>| text.as_ref().map(|text| Site::of(file, text));
    let soft = rule.soft.as_ref().map(|soft| Site::of(file, soft));
    let admit = rule.admit.as_ref().map(|admit| Site::of(file, admit));
    let overrun = rule.on_overrun.as_ref();
    let overrun = overrun.map(|overrun| Site::of(file, overrun));
    let mut raises = rule.raises.iter();
    let raise = raises.next().map(|(name, _)| Site::of(file, name));
    for (field, site, belongs) in [
        ("per", site(&rule.per), !is_standing),
        ("burst", site(&rule.burst), !is_window && !is_standing),
        (
            "zone",
            site(&rule.zone),
            is_window && per != Some(Per::Ever),
        ),
        ("soft", soft, is_money),
        ("fallback", site(&rule.fallback), is_money),
        ("raises", raise, is_money),
        ("admit", admit, is_estimated),
        (
            "on_overrun",
            overrun,
            is_estimated && measure != Measure::PromptTokens,
        ),
    ] {
        if let Some(site) = site.filter(|_| !belongs) {
            let period = per.filter(|_| field != "per");
            let period = period.map_or(String::new(), |per| format!(" per {}", of_period(per)));
            let message = format!(
                "`{field}` means nothing for `{}`{period}",
                of_measure(measure)
            );
            errors.push(Diagnostic::new(site, message).help(help(field, per)));
        }
    }
    warnings_only(file, rule, errors);
}

fn help(field: &str, per: Option<Per>) -> &'static str {
    match (field, per) {
        ("burst", Some(Per::Day)) => "a day is counted exactly: all of it may come at once",
        ("soft", _) => "`mode: shadow` lets any limit pass and says what it would have refused",
        ("fallback" | "raises", _) => "only a `budget` has that",
        ("zone", Some(Per::Ever)) => "leave it out: no window ends",
        ("zone", _) => "leave it out: a rate has no calendar",
        ("admit", _) => "leave it out: a request is known to be one",
        ("on_overrun", _) => "leave it out: while an answer streams, this does not grow",
        _ => "leave it out: it holds at every moment",
    }
}

/// What a rule does when it refuses means nothing where it never does.
fn warnings_only(file: usize, rule: &LimitRule, errors: &mut Vec<Diagnostic>) {
    let Some(soft) = rule.soft.as_ref().filter(|soft| soft.value) else {
        return;
    };
    let soft = Site::of(file, soft);
    let is_shadow = matches!(&rule.mode, Some(mode) if mode.value == ModeRule::Shadow);
    if is_shadow {
        let message = "a budget in shadow refuses nothing anyhow: it can't be `soft` as well";
        errors.push(Diagnostic::new(soft, message));
    }
    let overrun = rule.on_overrun.as_ref();
    let cuts = overrun.filter(|overrun| overrun.value == Overrun::Cut);
    let text = |text: &Option<Text>| text.as_ref().map(|text| Site::of(file, text));
    for (what, site) in [
        ("`fallback`", text(&rule.fallback)),
        ("`message`", text(&rule.message)),
        ("`on_overrun: cut`", cuts.map(|cut| Site::of(file, cut))),
    ] {
        if let Some(site) = site {
            let message = format!("a soft budget refuses nothing: {what} means nothing for it");
            errors.push(Diagnostic::new(site, message).and(soft, "soft here"));
        }
    }
}

/// Whether so much per time can be counted.
pub(super) fn rate(
    file: usize,
    (amount, count): (&Text, u32),
    burst: Option<(&Text, u32)>,
    period: RatePeriod,
    errors: &mut Vec<Diagnostic>,
) {
    let most = burst.map_or(count, |(_, burst)| burst);
    let Err(problem) = Rate::new(count, period.duration(), most) else {
        return;
    };
    let text = match (problem, burst) {
        (Uncountable::TooSlow, Some((burst, _))) => burst,
        _ => amount,
    };
    let message = format!("`{}` {problem}", text.value);
    errors.push(Diagnostic::new(Site::of(file, text), message));
}

pub(super) fn message(file: usize, rule: &LimitRule, errors: &mut Vec<Diagnostic>) {
    let Some(message) = &rule.message else {
        return;
    };
    let text = &message.value;
    let problem = if text.is_empty() {
        "is empty".to_owned()
    } else if text.len() > LONGEST_MESSAGE {
        format!("is longer than {LONGEST_MESSAGE} bytes")
    } else if text.chars().any(char::is_control) {
        "has line breaks or other control characters".to_owned()
    } else {
        return;
    };
    let message = Diagnostic::new(Site::of(file, message), format!("the message {problem}"));
    errors.push(message);
}

/// No request has a most of time.
pub(super) fn worst_case(
    file: usize,
    measure: Measure,
    rule: &LimitRule,
    priced_time: Option<Site>,
    errors: &mut Vec<Diagnostic>,
) {
    if measure == Measure::Budget
        && let Some(admit) = &rule.admit
        && admit.value == AdmitRule::WorstCase
        && let Some(priced) = priced_time
    {
        let message = "time has a price, and no request has a worst case of it";
        let error = Diagnostic::new(Site::of(file, admit), message);
        let help = "leave `admit` out: the usual time is reserved";
        errors.push(error.and(priced, "the price").help(help));
    }
}
