//! The document's limits, prices and zones to the form in which requests meet them.

use std::collections::BTreeMap;

use super::load::{LoadError, Names};
use crate::document::{
    self, LONGEST_MESSAGE, MOST_LIMITS, MOST_RAISES, Measure as Written, Mode as WrittenMode, Per,
};
use crate::limits::counter::CounterId;
use crate::limits::rate::Rate;
use crate::limits::rule::{Admit, Bound, Limit, Measure, Mode, Overrun, Raise, RatePeriod};
use crate::limits::window::{Period, Zone};
use crate::money::Usd;
use crate::price::{self, Discount, Kind, PriceList, TokenRates};

/// Time zones by name; the first is UTC.
pub(super) struct Zones(Vec<(Box<str>, Zone)>);

impl Zones {
    pub(super) fn load(documents: Vec<document::Zone>) -> Result<Self, LoadError> {
        let mut zones = vec![("UTC".into(), Zone::default())];
        for document in documents {
            let name = document.name;
            let zone = Zone::new(document.first, &document.transitions);
            let zone = zone.ok_or_else(|| LoadError(format!("{name:?} is no time zone")))?;
            zones.push((name.into(), zone));
        }
        if u16::try_from(zones.len()).is_err() {
            return Err(LoadError("too many time zones".to_owned()));
        }
        Ok(Self(zones))
    }

    pub(super) fn into_zones(self) -> Box<[Zone]> {
        self.0.into_iter().map(|(_, zone)| zone).collect()
    }

    fn index(&self, name: &str) -> Option<u16> {
        let index = self.0.iter().position(|(known, _)| **known == *name)?;
        u16::try_from(index).ok()
    }
}

/// What limits refer to.
pub(super) struct Context<'a> {
    pub(super) zones: &'a Zones,
    pub(super) models: &'a Names,
    pub(super) sources: &'a BTreeMap<String, String>,
}

impl Context<'_> {
    /// The limits of one account.
    pub(super) fn limits(
        &self,
        documents: Vec<document::Limit>,
    ) -> Result<Box<[Limit]>, LoadError> {
        if documents.len() > MOST_LIMITS {
            return Err(LoadError(format!(
                "an account has more than {MOST_LIMITS} limits"
            )));
        }
        let mut limits: Vec<Limit> = Vec::with_capacity(documents.len());
        for document in documents {
            let rule = document.rule.clone();
            let limit = self
                .limit(document)
                .map_err(|problem| LoadError(format!("the limit {rule:?} {problem}")))?;
            if limits.iter().any(|known| known.clashes(&limit)) {
                let problem = format!("the limit {rule:?} stands there twice");
                return Err(LoadError(problem));
            }
            if limits.iter().any(|known| known.shares_a_raise(&limit))
                || limit.shares_a_raise(&limit)
            {
                let problem = "has a raise that can't be told from another: call it otherwise";
                return Err(LoadError(format!("the limit {rule:?} {problem}")));
            }
            limits.push(limit);
        }
        Ok(limits.into())
    }

    fn limit(&self, document: document::Limit) -> Result<Limit, String> {
        let is_plain = |text: &str| text.bytes().all(|b| matches!(b, b' '..=b'~') && b != b';');
        if document.rule.is_empty() || !is_plain(&document.rule) {
            return Err("has no name that logs and metrics can show".to_owned());
        }
        let message = document.message.as_deref().unwrap_or_default();
        if message.len() > LONGEST_MESSAGE || message.chars().any(char::is_control) {
            return Err(format!(
                "has a message of more than {LONGEST_MESSAGE} bytes, or with control characters"
            ));
        }
        let bound = self.bound(&document)?;
        let fallback = match &document.fallback {
            Some(name) => {
                let model = self.models.get(name.as_str()).copied();
                Some(model.ok_or_else(|| format!("falls back to the unknown model {name:?}"))?)
            }
            None => None,
        };
        Ok(Limit {
            source: self.sources.get(&document.rule).map(|s| s.as_str().into()),
            rule: document.rule.into(),
            mode: mode(document.mode),
            bound,
            admit: if document.worst_case {
                Admit::WorstCase
            } else {
                Admit::Expected
            },
            on_overrun: match document.on_overrun {
                document::Overrun::Finish => Overrun::Finish,
                document::Overrun::Cut => Overrun::Cut,
            },
            fallback,
            message: document.message.map(Into::into),
            hides_amounts: document.hidden,
        })
    }

    fn bound(&self, limit: &document::Limit) -> Result<Bound, String> {
        let measure = match limit.measure {
            Written::Concurrency => return whole(limit).map(Bound::Concurrency),
            Written::MaxOutput => return whole(limit).map(Bound::Output),
            Written::Requests => Measure::Requests,
            Written::Tokens => Measure::TotalTokens,
            Written::PromptTokens => Measure::PromptTokens,
            Written::CompletionTokens => Measure::CompletionTokens,
            Written::Budget => Measure::Money,
        };
        let per = limit.per.ok_or("does not say over what time")?;
        let is_money = measure == Measure::Money;
        if let Some(period) = RatePeriod::of(per).filter(|_| !is_money) {
            return rate(limit, measure, period);
        }
        match (per, is_money) {
            (Per::Day, _) => self.window(limit, measure, Period::Day),
            (Per::Hour, true) => self.window(limit, measure, Period::Hour),
            (Per::Week, true) => self.window(limit, measure, Period::Week),
            (Per::Month, true) => self.window(limit, measure, Period::Month),
            (Per::Ever, true) => self.window(limit, measure, Period::Ever),
            _ => Err("can't be counted over that time".to_owned()),
        }
    }

    fn window(
        &self,
        limit: &document::Limit,
        measure: Measure,
        period: Period,
    ) -> Result<Bound, String> {
        let name = limit.zone.as_deref().unwrap_or("UTC");
        let zone = self.zones.index(name);
        let zone = zone.ok_or_else(|| format!("is in the unknown time zone {name:?}"))?;
        let counter = CounterId::window(measure, period, name);
        let amount = match measure {
            Measure::Money => dollars(&limit.amount)?.pico(),
            _ => u128::from(count(&limit.amount)?),
        };
        if limit.raises.len() > MOST_RAISES {
            return Err(format!("has more than {MOST_RAISES} raises"));
        }
        let raises = limit.raises.iter().map(|raise| {
            Ok(Raise {
                counter: CounterId::raise(counter, &raise.name),
                amount: dollars(&raise.amount)?.pico(),
                until: raise.until,
            })
        });
        let mut raises: Vec<Raise> = raises.collect::<Result<_, String>>()?;
        raises.sort_by_key(|raise| raise.until);
        Ok(Bound::Window {
            measure,
            period,
            zone,
            amount,
            raises: raises.into(),
            counter,
        })
    }
}

impl Limit {
    /// Whether two different raises, of this limit and the other, are counted as one.
    fn shares_a_raise(&self, other: &Self) -> bool {
        let mut raises = self.bound.raises().iter();
        raises.any(|raise| {
            let mut others = other.bound.raises().iter();
            others.any(|other| !std::ptr::eq(raise, other) && raise.counter == other.counter)
        })
    }

    /// Two limits of one mode that look at one counter, or two with raises.
    fn clashes(&self, other: &Self) -> bool {
        let (Some(a), Some(b)) = (self.bound.counter(), other.bound.counter()) else {
            let same = std::mem::discriminant(&self.bound) == std::mem::discriminant(&other.bound);
            return same && self.mode == other.mode;
        };
        a == b && (self.mode == other.mode || (self.bound.is_raised() && other.bound.is_raised()))
    }
}

fn mode(mode: WrittenMode) -> Mode {
    match mode {
        WrittenMode::Enforce => Mode::Enforce,
        WrittenMode::Shadow => Mode::Shadow,
        WrittenMode::Soft => Mode::Soft,
    }
}

fn rate(limit: &document::Limit, measure: Measure, period: RatePeriod) -> Result<Bound, String> {
    let amount = whole(limit)?;
    let burst = limit.burst.unwrap_or(amount);
    let rate = Rate::new(amount, period.duration(), burst);
    let is_shadow = limit.mode == WrittenMode::Shadow;
    Ok(Bound::Rate {
        measure,
        period,
        rate: rate.map_err(|problem| problem.to_string())?,
        counter: CounterId::rate(measure, period, is_shadow),
    })
}

fn whole(limit: &document::Limit) -> Result<u32, String> {
    let count = count(&limit.amount)?;
    u32::try_from(count).map_err(|_| format!("has an amount above {}", u32::MAX))
}

fn count(text: &str) -> Result<u64, String> {
    let count: Option<u64> = text.parse().ok().filter(|&count| count > 0);
    count.ok_or_else(|| format!("has the amount {text:?}, which is no number above 0"))
}

fn dollars(text: &str) -> Result<Usd, String> {
    text.parse()
        .map_err(|problem| format!("has the amount {text:?}, which {problem}"))
}

/// What a model costs, by date.
pub(super) fn prices(documents: Vec<document::Price>) -> Result<Box<[PriceList]>, String> {
    let mut lists: Vec<PriceList> = Vec::with_capacity(documents.len());
    for document in documents {
        let list = price_list(document)?;
        let is_in_order = match lists.last() {
            None => list.from == 0,
            Some(before) => before.from < list.from,
        };
        if !is_in_order {
            return Err("has prices out of order, or none from the beginning".to_owned());
        }
        lists.push(list);
    }
    Ok(lists.into())
}

fn price_list(price: document::Price) -> Result<PriceList, String> {
    let tokens = rates(&price.tokens)?;
    let mut above: Vec<(u64, TokenRates)> = Vec::with_capacity(price.above.len());
    for tier in price.above {
        let (last, lower) = above.last().copied().unwrap_or((0, tokens));
        if tier.above <= last {
            return Err("has price tiers out of order".to_owned());
        }
        above.push((tier.above, rates(&tier.tokens)?.or(&lower)));
    }
    let optional = |text: Option<String>| match text {
        Some(text) => dollars(&text),
        None => Ok(Usd::ZERO),
    };
    Ok(PriceList {
        from: price.from,
        tokens,
        above: above.into(),
        request: price::Rate::per_one(optional(price.request)?),
        image: price::Rate::per_one(optional(price.image)?),
        millisecond: price::Rate::per_second(optional(price.second)?),
        discount: Discount::from_hundredths(price.discount)
            .ok_or("has a discount of more than everything")?,
    })
}

fn rates(prices: &BTreeMap<String, String>) -> Result<TokenRates, String> {
    let mut rates = TokenRates::default();
    for (name, price) in prices {
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
        let kind = kind.ok_or_else(|| format!("has a price for {name:?}, which nobody reports"))?;
        rates.set(kind, price::Rate::per_million(dollars(price)?));
    }
    Ok(rates)
}
