//! What a rule limits and over what time, in the words of rule files.

use crate::diagnostic::{Diagnostic, Site};
use crate::names::did_you_mean;
use crate::rules::{LimitRule, Text};
use serde_saphyr::Spanned;
use tollgate_core::document::{Measure, Per};

/// What the rule limits: exactly one thing.
pub(super) fn measure<'r>(
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
        let known: Vec<_> = all
            .iter()
            .map(|(measure, _)| of_measure(*measure))
            .collect();
        let message = "the limit does not say what it limits";
        let help = format!("one of: {}", known.join(", "));
        errors.push(Diagnostic::new(Site::of(file, rule), message).help(help));
        return None;
    };
    if let Some((measure, amount)) = given.next() {
        let message = format!(
            "the limit is on `{}` and `{}`",
            of_measure(first.0),
            of_measure(measure)
        );
        let error = Diagnostic::new(Site::of(file, amount), message);
        errors.push(error.help("each limit stands alone: `- requests: 10` and `- tokens: 1k`"));
        return None;
    }
    Some(first)
}

/// The period, of those that this measure is counted over.
pub(super) fn per(
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
    let words = known.iter().map(|per| of_period(*per));
    let help = || {
        format!(
            "`per` is one of: {}",
            words.clone().collect::<Vec<_>>().join(", ")
        )
    };
    let measure = of_measure(measure);
    let Some(given) = &rule.value.per else {
        let message = format!("`{measure}` does not say over what time");
        errors.push(Diagnostic::new(Site::of(file, rule), message).help(help()));
        return None;
    };
    let word = &*given.value;
    let found = known.iter().find(|per| of_period(**per) == word);
    if found.is_none() {
        let is_period = ALL.iter().any(|per| of_period(*per) == word);
        let message = if is_period {
            format!("`{measure}` can't be limited per {word}")
        } else {
            format!("`{word}` is not known here")
        };
        let meant = did_you_mean(word, words.clone()).filter(|_| !is_period);
        let error = Diagnostic::new(Site::of(file, given), message);
        errors.push(error.help(meant.unwrap_or_else(help)));
    }
    found.copied()
}

const ALL: [Per; 7] = [
    Per::Second,
    Per::Minute,
    Per::Hour,
    Per::Day,
    Per::Week,
    Per::Month,
    Per::Ever,
];

pub(super) fn of_measure(measure: Measure) -> &'static str {
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

pub(super) fn of_period(per: Per) -> &'static str {
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
