//! What an exchange comes to: from what it reported, else from what was counted, else from how long
//! it took.

use super::Exchange;
use super::admit::Held;
use crate::api::Api;
use crate::limits::learning::{Learned, Observation};
use crate::limits::reserved::Reserved;
use crate::limits::rule::Amounts;
use crate::money::Usd;
use crate::policy::Model;
use crate::price::{Cost, Kind, Quantities};
use crate::request::size::Size;
use crate::response::Metered;
use crate::response::usage::Usage;
use crate::settlement::{Charge, Ending};

/// What one exchange is charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bill {
    /// Tokens, images and time that are charged for.
    pub quantities: Quantities,
    /// What they cost.
    pub cost: Cost,
    /// The same as accounts count it.
    pub used: Amounts,
    /// How the quantities are known.
    pub basis: Basis,
}

/// How quantities are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Basis {
    /// Nothing is charged: no model has worked.
    #[default]
    Free,
    /// The answer reported them.
    Reported,
    /// Estimated from the request, and counted in the answer.
    Counted,
    /// Estimated from the request and from the time it took.
    Timed,
}

impl Basis {
    /// The name in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Reported => "reported",
            Self::Counted => "counted",
            Self::Timed => "timed",
        }
    }
}

impl Exchange {
    /// What the exchange is charged, if it was admitted. `learned`: what is usual for its model.
    pub(super) fn bill(&self, ending: Ending, worked_ms: u64, learned: &Learned) -> Option<Bill> {
        let held = self.held.as_ref()?;
        let model = self.policy.model(held.model?)?;
        let (quantities, basis) = self.quantities(held, ending, worked_ms, learned);
        let mut bill = Bill {
            quantities,
            basis,
            ..Bill::default()
        };
        bill.used.requests = 1;
        if basis == Basis::Free {
            return Some(bill);
        }
        bill.quantities.images = held.size.images;
        bill.quantities.milliseconds = worked_ms;
        bill.cost = cost(model, held, &bill.quantities);
        bill.used.prompt = bill.quantities.prompt();
        bill.used.completion = bill.quantities.completion();
        bill.used.cost = bill.cost.usd;
        Some(bill)
    }

    fn quantities(
        &self,
        held: &Held,
        ending: Ending,
        worked_ms: u64,
        learned: &Learned,
    ) -> (Quantities, Basis) {
        let is_chargeable = self.api.is_some_and(|api| api.is_chargeable());
        let never_sent = ending.never_sent && !self.notes.is_success();
        if !is_chargeable || never_sent || self.notes.is_free() {
            return (Quantities::default(), Basis::Free);
        }
        let metered = self.meter.as_ref().map(|meter| meter.metered());
        let metered = metered.unwrap_or_default();
        let expected = held.estimate.demand.expected;
        let reserved = held.estimate.demand.named.completion;
        let answers = held.size.prompts.saturating_mul(held.size.choices);
        let made = learned.output_within(worked_ms).saturating_mul(answers);
        let made = made.min(reserved);
        if metered.usage.is_reported() {
            let quantities = self.reported(held, &metered, made);
            return self.complete(quantities, &metered, expected.prompt, made);
        }
        if metered.deltas > 0 {
            let quantities = Quantities::plain(expected.prompt, metered.deltas);
            return (quantities, Basis::Counted);
        }
        (Quantities::plain(expected.prompt, made), Basis::Timed)
    }

    /// What was reported, and what is not in it: what came after the last report; and of a stream that
    /// broke off, whose reports were of its beginning, or of one answer among several (vLLM's
    /// `continuous_usage_stats`), what was counted or took its time.
    fn reported(&self, held: &Held, metered: &Metered, made: u64) -> Quantities {
        let mut quantities = Quantities::of(&metered.usage, self.dialect);
        let has_output = self.api.is_some_and(Api::has_output);
        if let Some(total) = metered.usage.alone().filter(|_| has_output) {
            let prompt = held.estimate.demand.expected.prompt.min(total);
            quantities = Quantities::plain(prompt, total.saturating_sub(prompt));
        }
        let is_stream = self.meter.as_ref().is_some_and(|meter| !meter.is_json());
        let broke_off = is_stream && !self.notes.is_complete();
        if broke_off || metered.is_outdated || metered.usage.output.is_none() {
            let beyond = metered.deltas.saturating_sub(quantities.completion());
            quantities.add(Kind::Output, beyond);
        }
        if broke_off && metered.deltas == 0 {
            let beyond = made.saturating_sub(quantities.completion());
            quantities.add(Kind::Output, beyond);
        }
        if broke_off && held.size.prompts > 1 {
            let expected = held.estimate.demand.expected.prompt;
            let beyond = expected.saturating_sub(quantities.prompt());
            quantities.add(Kind::Input, beyond);
        }
        quantities
    }

    /// A report may leave out a side, which is not free for that.
    fn complete(
        &self,
        mut quantities: Quantities,
        metered: &Metered,
        prompt: u64,
        made: u64,
    ) -> (Quantities, Basis) {
        let Usage {
            input,
            output,
            total,
            ..
        } = metered.usage;
        let mut basis = Basis::Reported;
        if input.is_none() && total.is_none() {
            quantities.add(Kind::Input, prompt);
            basis = Basis::Counted;
        }
        let has_output = self.api.is_some_and(Api::has_output);
        if output.is_none() && total.is_none() && has_output {
            basis = Basis::Counted;
            if metered.deltas == 0 {
                quantities.add(Kind::Output, made);
                basis = Basis::Timed;
            }
        }
        (quantities, basis)
    }

    /// What is charged, and what was held for it.
    pub(super) fn charge(&self) -> Charge<'_> {
        let passed_over = &*self.passed_over;
        let Some(held) = &self.held else {
            return Charge {
                passed_over,
                ..Charge::default()
            };
        };
        let instead_of = held.instead_of.and_then(|model| self.policy.model(model));
        Charge {
            is_counted: true,
            bill: self.bill,
            reserved: Reserved::of(&held.reservations),
            passed_over,
            instead_of: instead_of.map(|model| &*model.name),
        }
    }

    /// What can be learned from the exchange.
    pub(super) fn observation(&self, bill: &Bill) -> Option<Observation> {
        let held = self.held.as_ref()?;
        let Size {
            bytes,
            inline,
            ids,
            images,
            prompts,
            choices,
            ..
        } = held.size;
        let answers = prompts.saturating_mul(choices).max(1);
        let is_plain = images == 0 && ids == 0 && self.api.is_some_and(|api| api.has_output());
        let is_known = bill.basis == Basis::Reported && self.notes.is_complete();
        (is_plain && is_known).then(|| Observation {
            prompt_bytes: bytes.saturating_sub(inline),
            prompt_tokens: bill.used.prompt,
            output_tokens: bill.used.completion.div_ceil(answers),
            milliseconds: bill.quantities.milliseconds,
        })
    }
}

pub(super) fn cost(model: &Model, held: &Held, quantities: &Quantities) -> Cost {
    match model.prices_at(held.priced_at) {
        Some(list) => list.cost(quantities),
        None => Cost {
            usd: Usd::ZERO,
            unpriced: None,
        },
    }
}
