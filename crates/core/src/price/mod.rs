//! What an exchange costs: quantities times prices, exactly, rounded up once.

mod quantities;

pub use quantities::{Kind, Quantities};

use crate::money::Usd;

/// Money for one unit of something, in atto-dollars (1e-18 USD). A price of 0.000000000001 USD for
/// a million tokens is one atto-dollar for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(u128);

impl Rate {
    /// For one token, from the price of a million.
    pub const fn per_million(price: Usd) -> Self {
        Self(price.pico())
    }

    /// For one thing, from its price.
    pub const fn per_one(price: Usd) -> Self {
        Self(price.pico().saturating_mul(1_000_000))
    }

    /// For one millisecond, from the price of a second.
    pub const fn per_second(price: Usd) -> Self {
        Self(price.pico().saturating_mul(1_000))
    }
}

/// A discount in hundredths of a per cent: 0 to 10,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Discount(u16);

/// Hundredths of a per cent that make up the whole.
const WHOLE: u16 = 10_000;

impl Discount {
    /// `None` beyond 100 per cent.
    pub fn from_hundredths(hundredths: u16) -> Option<Self> {
        (hundredths <= WHOLE).then_some(Self(hundredths))
    }

    fn remaining(self) -> u128 {
        u128::from(WHOLE.saturating_sub(self.0))
    }
}

/// What a model costs from some date on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceList {
    /// Unix seconds.
    pub from: u64,
    /// For prompts up to the first tier.
    pub tokens: TokenRates,
    /// For longer prompts: (more than this many input tokens, rates), ascending. The tier that a
    /// prompt reaches holds for the whole request.
    pub above: Box<[(u64, TokenRates)]>,
    /// For each request.
    pub request: Rate,
    /// For each image in a request.
    pub image: Rate,
    /// For each millisecond.
    pub millisecond: Rate,
    /// Off everything.
    pub discount: Discount,
}

/// Rates in the order of [`Kind::ALL`]; a kind without one is charged as [`TokenRates::rate`] says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenRates([Option<Rate>; Kind::ALL.len()]);

/// What an exchange costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// All of it.
    pub usd: Usd,
    /// The first kind that was used, has no price of its own and was charged as a dearer one.
    pub unpriced: Option<Kind>,
}

impl TokenRates {
    /// Sets one kind's rate.
    pub fn set(&mut self, kind: Kind, rate: Rate) {
        if let Some(entry) = self.0.get_mut(kind.index()) {
            *entry = Some(rate);
        }
    }

    /// These rates, and `other`'s for kinds that have none here.
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own = own.or(other);
        }
        self
    }

    /// What a token of this kind is charged, and whether that is its own rate. Reasoning is output
    /// by default. Any other kind without a rate is charged as the next one, in the order of
    /// [`Kind::ALL`], that has one no lower than plain input's or output's; or else as the dearest.
    pub fn rate(&self, kind: Kind) -> (Rate, bool) {
        let own = self.own(kind);
        let own = own.or_else(|| (kind == Kind::Reasoning).then(|| self.own(Kind::Output))?);
        if let Some(rate) = own {
            return (rate, true);
        }
        let plain = match kind {
            Kind::Cached => None,
            _ if kind.is_input() => self.own(Kind::Input),
            _ => self.own(Kind::Output),
        };
        let mut dearer = self.0.iter().skip(kind.index()).flatten();
        let next = dearer.find(|&&rate| plain.is_none_or(|plain| rate >= plain));
        match next.or_else(|| self.0.iter().flatten().max()) {
            Some(rate) => (*rate, false),
            // Tokens are not what is charged for.
            None => (Rate::default(), true),
        }
    }

    fn own(&self, kind: Kind) -> Option<Rate> {
        self.0.get(kind.index()).copied().flatten()
    }
}

impl PriceList {
    /// What these quantities of one request cost.
    pub fn cost(&self, quantities: &Quantities) -> Cost {
        let rates = self.rates(quantities.prompt());
        let mut atto = self.request.0;
        let mut unpriced = None;
        let mut charge = |count: u64, rate: Rate| {
            atto = atto.saturating_add(u128::from(count).saturating_mul(rate.0));
        };
        for (kind, count) in quantities.kinds().filter(|&(_, count)| count > 0) {
            let (rate, is_own) = rates.rate(kind);
            charge(count, rate);
            unpriced = unpriced.or((!is_own).then_some(kind));
        }
        charge(quantities.images, self.image);
        charge(quantities.milliseconds, self.millisecond);
        Cost {
            usd: discounted(atto, self.discount),
            unpriced,
        }
    }

    /// The most that so many input and output tokens may cost, of whatever kinds they turn out to be
    /// and whichever tier that reaches.
    pub fn worst(&self, quantities: &Quantities) -> Usd {
        let prompt = quantities.prompt();
        let tiers = self.above.iter().filter(|(above, _)| prompt > *above);
        let tiers = tiers.map(|(_, rates)| rates).chain([&self.tokens]);
        let dearest = |is_input: bool| {
            let rates = tiers.clone().flat_map(|tier| {
                let kinds = Kind::ALL.into_iter();
                kinds
                    .filter(move |kind| kind.is_input() == is_input)
                    .map(|kind| tier.rate(kind).0)
            });
            rates.max().unwrap_or_default()
        };
        let charge = |count: u64, rate: Rate| u128::from(count).saturating_mul(rate.0);
        let atto = [
            self.request.0,
            charge(prompt, dearest(true)),
            charge(quantities.completion(), dearest(false)),
            charge(quantities.images, self.image),
            charge(quantities.milliseconds, self.millisecond),
        ];
        discounted(
            atto.into_iter().fold(0, u128::saturating_add),
            self.discount,
        )
    }

    /// The rates of a prompt of this many tokens.
    fn rates(&self, prompt: u64) -> &TokenRates {
        let reached = self.above.iter().rev().find(|(above, _)| prompt > *above);
        reached.map_or(&self.tokens, |(_, rates)| rates)
    }
}

fn discounted(atto: u128, discount: Discount) -> Usd {
    if discount == Discount::default() {
        return Usd::from_atto(atto);
    }
    // In hundredths of a per cent of an atto-dollar, so that only one rounding is made.
    let whole = u128::from(WHOLE);
    let exact = atto.saturating_mul(discount.remaining());
    Usd::from_pico(exact.div_ceil(whole.saturating_mul(1_000_000)))
}
