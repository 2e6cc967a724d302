//! Raises: money beyond a budget for some time.

use crate::amounts;
use crate::diagnostic::{Diagnostic, Site};
use crate::names::{self, Kind};
use crate::rules::{Entries, RaiseRule};
use crate::values;
use tollgate_core::document::{Limit, MOST_RAISES, Mode, Raise};
use tollgate_core::money::Usd;

pub(super) fn compile(
    file: usize,
    rules: &Entries<RaiseRule>,
    errors: &mut Vec<Diagnostic>,
) -> Vec<Raise> {
    if let Some((beyond, _)) = rules.iter().nth(MOST_RAISES) {
        let message = format!("a limit has at most {MOST_RAISES} raises");
        errors.push(Diagnostic::new(Site::of(file, beyond), message));
    }
    let mut raises: Vec<Raise> = Vec::new();
    for (name, rule) in rules.iter() {
        names::check(Kind::Raise, file, name, errors);
        let amount = amounts::dollars(file, &rule.amount, errors);
        if amount == Some(Usd::ZERO) {
            let site = Site::of(file, &rule.amount);
            errors.push(Diagnostic::new(site, "a raise of nothing"));
        }
        raises.push(Raise {
            name: name.value.clone(),
            amount: amount.unwrap_or_default().to_string(),
            until: values::date(file, &rule.until, errors),
        });
    }
    raises.sort_by(|a, b| (a.until, &a.name).cmp(&(b.until, &b.name)));
    raises
}

/// What raises carry is one figure for each window: two rules can't both have some, and where one
/// refuses, the others can't.
pub(super) fn check(limits: &[Limit], sites: &[Site], errors: &mut Vec<Diagnostic>) {
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
