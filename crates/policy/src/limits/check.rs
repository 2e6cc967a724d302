//! What a limit rule may say, beyond what each of its values may be.

use super::{period, word};
use crate::diagnostic::{Diagnostic, Site};
use crate::rules::{LimitRule, Text};
use serde_saphyr::Spanned;
use tollgate_core::document::{Limit, Measure, Mode, Per};

/// What a rule may say to those who are refused, in bytes.
const LONGEST_MESSAGE: usize = 300;

/// Fields that mean nothing for this measure must not be given: they would seem to do something.
pub(super) fn fields(
    file: usize,
    measure: Measure,
    rule: &Spanned<LimitRule>,
    errors: &mut Vec<Diagnostic>,
) {
    let rule = &rule.value;
    let is_money = measure == Measure::Budget;
    let is_standing = matches!(measure, Measure::Concurrency | Measure::MaxOutput);
    let per = rule.per.as_ref().map(|per| per.value);
    let is_window = is_money || per == Some(Per::Day);
    let is_estimated = !is_standing && measure != Measure::Requests;
    let site = |text: &Option<Text>| text.as_ref().map(|text| Site::of(file, text));
    let first_raise = rule
        .raises
        .iter()
        .next()
        .map(|(name, _)| Site::of(file, name));
    let spots = [
        (
            "per",
            rule.per.as_ref().map(|p| Site::of(file, p)),
            !is_standing,
        ),
        ("burst", site(&rule.burst), !is_window && !is_standing),
        (
            "zone",
            site(&rule.zone),
            is_window && per != Some(Per::Ever),
        ),
        (
            "soft",
            rule.soft.as_ref().map(|s| Site::of(file, s)),
            is_money,
        ),
        ("fallback", site(&rule.fallback), is_money),
        ("raises", first_raise, is_money),
        (
            "admit",
            rule.admit.as_ref().map(|a| Site::of(file, a)),
            is_estimated,
        ),
        (
            "on_overrun",
            rule.on_overrun.as_ref().map(|o| Site::of(file, o)),
            is_estimated,
        ),
    ];
    for (field, site, _) in spots.iter().filter(|(_, _, belongs)| !belongs) {
        if let Some(site) = site {
            let per = per.filter(|_| field != &"per");
            let per = per.map_or(String::new(), |per| format!(" per {}", period(per)));
            let message = format!("`{field}` means nothing for `{}`{per}", word(measure));
            errors.push(Diagnostic::new(*site, message));
        }
    }
}

pub(super) fn message(file: usize, message: &Text, errors: &mut Vec<Diagnostic>) {
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

/// What raises carry is one figure for each window: two rules can't both have some, and where one
/// refuses, the others can't.
pub(super) fn raises(limits: &[Limit], sites: &[Site], errors: &mut Vec<Diagnostic>) {
    let window = |limit: &Limit| (limit.measure, limit.per, limit.zone.clone());
    for (index, (limit, site)) in limits.iter().zip(sites).enumerate() {
        if limit.raises.is_empty() {
            continue;
        }
        let mut others = limits.iter().enumerate();
        let clash = others.find_map(|(at, other)| {
            let problem = if at == index || window(other) != window(limit) {
                return None;
            } else if at < index && !other.raises.is_empty() {
                "has raises for the same window"
            } else if other.mode == Mode::Enforce && limit.mode != Mode::Enforce {
                "refuses by the same window: its raises are those that count"
            } else {
                return None;
            };
            Some(format!("`{}` {problem}", other.rule))
        });
        if let Some(message) = clash {
            errors.push(Diagnostic::new(*site, message));
        }
    }
}
