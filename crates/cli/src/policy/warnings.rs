//! What is allowed in rule files, and probably not meant.

use crate::failure::Failure;
use std::io::Write;
use std::time::SystemTime;
use tollgate_core::document::{Capability, Document, Limit, Measure, Mode, Model, Per, Price};
use tollgate_core::money::Usd;
use tollgate_core::price::Kind;

/// Tokens of a prompt that nobody calls a long one: what was meant is thousands.
const SHORT: u64 = 1_000;

/// For a million tokens: a hundredth of a cent.
const CHEAPEST: Usd = Usd::from_pico(100_000_000);

/// Tells of all that matters once the rules are put in force.
pub(crate) fn of_all(document: &Document, out: &mut impl Write) -> Result<(), Failure> {
    of_counting(document, out)?;
    of_rules(document, out)
}

/// Tells of limits that hold less than they seem to: a day or more outlasts a process.
fn of_counting(document: &Document, out: &mut impl Write) -> Result<(), Failure> {
    let mut lasting: Vec<&Limit> = limits(document)
        .filter(|limit| limit.measure == Measure::Budget || limit.per == Some(Per::Day))
        .collect();
    lasting.sort_unstable_by_key(|limit| &limit.rule);
    for limit in lasting {
        let what = "is counted by each Envoy for itself, and anew after its restart: there is no \
                    ledger";
        of_limit(document, limit, what, out)?;
    }
    Ok(())
}

/// Tells of rules that do not do what they seem to.
pub(crate) fn of_rules(document: &Document, out: &mut impl Write) -> Result<(), Failure> {
    let now = unix_seconds();
    for limit in limits(document) {
        for raise in limit.raises.iter().filter(|raise| raise.until <= now) {
            let what = format!(
                "has the raise `{}`, whose time is over: remove it",
                raise.name
            );
            of_limit(document, limit, &what, out)?;
        }
    }
    for model in &document.models {
        of_tools(document, model, out)?;
        for price in &model.prices {
            of_price(model, price, out)?;
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a warning decides nothing")]
fn unix_seconds() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs())
}

/// Some requests can't use hosted tools: these have no worst case.
fn of_tools(document: &Document, model: &Model, out: &mut impl Write) -> Result<(), Failure> {
    if !model.allow.contains(&Capability::HostedTools) {
        return Ok(());
    }
    let mut limits = account_limits(document).chain(&model.limits);
    let Some(limit) = limits.find(|limit| limit.worst_case && limit.mode != Mode::Shadow) else {
        return Ok(());
    };
    let what = format!(
        "admits only the worst case, which hosted tools have none of: under it they are refused, \
         though the model `{}` allows them",
        model.name
    );
    of_limit(document, limit, &what, out)
}

fn of_price(model: &Model, price: &Price, out: &mut impl Write) -> Result<(), Failure> {
    let name = &model.name;
    let dollars = |kind: Kind| price.tokens.get(kind.name())?.parse::<Usd>().ok();
    let (input, cached) = (dollars(Kind::Input), dollars(Kind::Cached));
    let others = [&price.request, &price.image, &price.second];
    let is_free = price.tokens.values().chain(others.into_iter().flatten());
    let is_free = is_free
        .map(|text| text.parse())
        .all(|usd| usd == Ok(Usd::ZERO));
    for (is_so, what) in [
        (
            cached > input,
            "takes more for cached tokens than for new ones",
        ),
        (
            input.is_some_and(|usd| usd > Usd::ZERO && usd < CHEAPEST),
            "takes less than a hundredth of a cent for a million tokens: is that the price of one?",
        ),
        (
            is_free || price.discount == 10_000,
            "has prices that charge nothing: `price: free` says so",
        ),
        (
            (1..100).contains(&price.discount),
            "has a discount of less than one per cent: is it a fraction?",
        ),
    ] {
        if is_so {
            writeln!(out, "warning: the model `{name}` {what}")?;
        }
    }
    of_tiers(model, price, out)
}

fn of_tiers(model: &Model, price: &Price, out: &mut impl Write) -> Result<(), Failure> {
    let name = &model.name;
    for tier in &price.above {
        let context = model.context.map(u64::from);
        if let Some(context) = context.filter(|&context| tier.above >= context) {
            writeln!(
                out,
                "warning: the model `{name}` has prices for prompts above {} tokens, and none is \
                 longer than its context of {context}",
                tier.above
            )?;
        } else if tier.above < SHORT {
            writeln!(
                out,
                "warning: the model `{name}` has prices for prompts above {} tokens, which most \
                 are; is it {}k?",
                tier.above, tier.above
            )?;
        }
    }
    Ok(())
}

fn of_limit(
    document: &Document,
    limit: &Limit,
    what: &str,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let rule = &limit.rule;
    let source = document.sources.get(rule).map_or("", |source| source);
    writeln!(out, "warning: {source}: {rule} {what}")?;
    Ok(())
}

fn limits(document: &Document) -> impl Iterator<Item = &Limit> {
    let models = document.models.iter().flat_map(|model| &model.limits);
    account_limits(document).chain(models)
}

/// Of all organizations, teams and keys.
fn account_limits(document: &Document) -> impl Iterator<Item = &Limit> {
    let organizations = document.organizations.iter().flat_map(|o| &o.limits);
    let teams = document.teams.iter().flat_map(|team| &team.limits);
    let keys = document.keys.iter().flat_map(|key| &key.limits);
    organizations.chain(teams).chain(keys)
}
