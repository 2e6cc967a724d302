//! The price table to the document's prices.

use crate::amounts;
use crate::catalog::Catalog;
use crate::diagnostic::{Diagnostic, Site};
use crate::names::did_you_mean;
use crate::rules::{Entries, ModelRule, PriceRule, RuleFile, Text};
use crate::values;
use serde_saphyr::Spanned;
use std::collections::BTreeMap;
use tollgate_core::document::{Price, Prices, Tier};
use tollgate_core::price::Kind;

/// The table, and each model's prices by its own name.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) prices: Option<Prices>,
    /// A price of time, which no request has a most of.
    pub(crate) of_time: Option<Site>,
    models: BTreeMap<String, (Site, Vec<Price>)>,
}

pub(crate) fn compile(
    files: &[RuleFile],
    catalog: &Catalog<'_>,
    errors: &mut Vec<Diagnostic>,
) -> Table {
    let mut table = Table::default();
    let mut first: Option<Site> = None;
    for (file, rules) in files.iter().enumerate() {
        let Some(rule) = &rules.prices else {
            continue;
        };
        let site = Site::of(file, &rule.version);
        if let Some(first) = first {
            let message = "there are two price tables";
            errors.push(Diagnostic::new(site, message).and(first, "the first"));
            continue;
        }
        first = Some(site);
        check_version(site, &rule.version.value, errors);
        table.prices = Some(Prices {
            version: rule.version.value.clone(),
        });
        for (name, lists) in rule.models.iter() {
            let of_time = lists.iter().find_map(|list| list.value.per_second.as_ref());
            let of_time = of_time.map(|price| Site::of(file, price));
            table.of_time = table.of_time.or(of_time);
            let prices = model(file, name, lists, errors);
            let site = Site::of(file, name);
            if let Some(model) = catalog.resolve(file, name, errors)
                && let Some((earlier, _)) = table.models.insert(model.to_owned(), (site, prices))
            {
                let message = format!("the model `{model}` has prices twice");
                errors.push(Diagnostic::new(site, message).and(earlier, "first here"));
            }
        }
    }
    table
}

impl Table {
    /// What a model costs. It has prices in the table or says `price: free`, not both.
    pub(crate) fn of(
        &self,
        file: usize,
        name: &Text,
        rule: &ModelRule,
        errors: &mut Vec<Diagnostic>,
    ) -> Vec<Price> {
        let found = self.models.get(&name.value);
        match (found, &rule.price) {
            (Some((site, _)), Some(free)) => {
                let message = format!("the model `{}` is free and has prices", name.value);
                let error = Diagnostic::new(Site::of(file, free), message);
                errors.push(error.and(*site, "the prices"));
            }
            (None, None) => {
                let message = format!("the model `{}` has no price", name.value);
                let help = "name it under the top-level `prices:`, or say `price: free`";
                errors.push(Diagnostic::new(Site::of(file, name), message).help(help));
            }
            _ => {}
        }
        found.map(|(_, prices)| prices.clone()).unwrap_or_default()
    }
}

fn check_version(site: Site, version: &str, errors: &mut Vec<Diagnostic>) {
    let is_plain = version
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b';');
    if version.is_empty() || version.len() > 64 || !is_plain {
        let message = "a version is 1 to 64 visible ASCII characters, without `;`";
        errors.push(Diagnostic::new(site, message));
    }
}

fn model(
    file: usize,
    name: &Text,
    lists: &[Spanned<PriceRule>],
    errors: &mut Vec<Diagnostic>,
) -> Vec<Price> {
    if lists.is_empty() {
        let message = format!("the model `{}` has no prices here", name.value);
        errors.push(Diagnostic::new(Site::of(file, name), message));
    }
    let mut prices: Vec<Price> = Vec::with_capacity(lists.len());
    for rule in lists {
        let price = price(file, rule, errors);
        let site = match &rule.value.from {
            Some(from) => Site::of(file, from),
            None => Site::of(file, rule),
        };
        match prices.last() {
            None if price.from > 0 => {
                let message = "the first prices hold from the beginning";
                let help = "leave `from` out: they hold until the next ones do";
                errors.push(Diagnostic::new(site, message).help(help));
            }
            Some(_) if rule.value.from.is_none() => {
                let message = "from when on these prices hold is not said";
                let help = "all but the first have a date: `from: 2027-01-01`";
                errors.push(Diagnostic::new(site, message).help(help));
            }
            Some(before) if before.from >= price.from => {
                let message = "prices stand in the order of their dates, each with its own";
                errors.push(Diagnostic::new(site, message));
            }
            _ => {}
        }
        prices.push(price);
    }
    prices
}

fn price(file: usize, rule: &Spanned<PriceRule>, errors: &mut Vec<Diagnostic>) -> Price {
    let PriceRule {
        from,
        per_million_tokens,
        above,
        per_request,
        per_image,
        per_second,
        discount,
    } = &rule.value;
    let mut dollars = |text: &Option<Text>| {
        let usd = amounts::dollars(file, text.as_ref()?, errors)?;
        Some(usd.to_string())
    };
    let (request, image, second) = (
        dollars(per_request),
        dollars(per_image),
        dollars(per_second),
    );
    let tokens = tokens(file, per_million_tokens, errors);
    let names = || per_million_tokens.iter().map(|(name, _)| &*name.value);
    if names().next().is_some() && !names().any(|name| name == Kind::Input.name()) {
        let message = "there is no price for `input` tokens, which every model reads";
        errors.push(Diagnostic::new(Site::of(file, rule), message));
    }
    let nothing = names().next().is_none()
        && per_request.is_none()
        && per_image.is_none()
        && per_second.is_none();
    if nothing {
        let message = "these prices charge nothing";
        let help = "a model that costs nothing says `price: free`";
        errors.push(Diagnostic::new(Site::of(file, rule), message).help(help));
    }
    Price {
        from: from
            .as_ref()
            .map_or(0, |date| values::date(file, date, errors)),
        above: tiers(file, above, errors),
        tokens,
        request,
        image,
        second,
        discount: discount
            .as_ref()
            .and_then(|text| amounts::per_cent(file, text, errors))
            .unwrap_or_default(),
    }
}

fn tiers(file: usize, rules: &Entries<Entries<Text>>, errors: &mut Vec<Diagnostic>) -> Vec<Tier> {
    let mut tiers: Vec<Tier> = Vec::new();
    for (above, prices) in rules.iter() {
        let tokens = tokens(file, prices, errors);
        let Some(count) = amounts::count(file, above, errors) else {
            continue;
        };
        if tiers.last().is_some_and(|tier| tier.above >= count) {
            let message = "tiers stand in the order of their sizes";
            errors.push(Diagnostic::new(Site::of(file, above), message));
        }
        tiers.push(Tier {
            above: count,
            tokens,
        });
    }
    tiers
}

fn tokens(
    file: usize,
    rules: &Entries<Text>,
    errors: &mut Vec<Diagnostic>,
) -> BTreeMap<String, String> {
    let mut tokens = BTreeMap::new();
    for (name, price) in rules.iter() {
        let known = Kind::ALL.map(Kind::name);
        if !known.contains(&name.value.as_str()) {
            let message = format!("there are no `{}` tokens", name.value);
            let help = did_you_mean(&name.value, known);
            let help = help.unwrap_or_else(|| format!("known here: {}", known.join(", ")));
            errors.push(Diagnostic::new(Site::of(file, name), message).help(help));
        }
        if let Some(usd) = amounts::dollars(file, price, errors) {
            tokens.insert(name.value.clone(), usd.to_string());
        }
    }
    tokens
}
