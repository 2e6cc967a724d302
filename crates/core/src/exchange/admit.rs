//! Whether a planned request goes on: what its accounts said.

use super::plan::Plan;
use super::{Exchange, Forward};
use crate::limits::estimate::Estimate;
use crate::limits::learning::Learning;
use crate::limits::reservation::Reservation;
use crate::limits::rule::{Bound, Demand, Limit, Mode};
use crate::limits::shortfall::Shortfall;
use crate::limits::taken::{Outcome, Taken};
use crate::limits::terms::Terms;
use crate::limits::time::Now;
use crate::policy::{Account, ModelId};
use crate::refusal::{LimitReached, Refusal};
use crate::request::size::Size;

/// What to do with a planned request.
#[derive(Debug)]
pub enum Admission<'b> {
    /// Let it go upstream, changed.
    Forward(Forward),
    /// Ask the accounts again: it goes to a cheaper model.
    Again(Box<Plan<'b>>),
}

/// What is held for a request that goes on.
#[derive(Debug)]
pub(super) struct Held {
    /// What it is accounted under.
    pub(super) model: Option<ModelId>,
    /// When its prices were looked up, in Unix seconds.
    pub(super) priced_at: u64,
    pub(super) size: Size,
    pub(super) estimate: Estimate,
    /// Output tokens that are known to be reserved for it in all.
    pub(super) covered: u64,
    /// By account, in the order of [`crate::policy::Policy::accounts`].
    pub(super) reservations: Vec<Reservation>,
    /// The model that it would have gone to.
    pub(super) instead_of: Option<ModelId>,
}

impl Exchange {
    pub(super) fn admit_taken<'b>(
        &mut self,
        plan: Plan<'b>,
        taken: Taken,
        now: Now,
        learning: &Learning,
    ) -> Result<Admission<'b>, Refusal> {
        self.standings = taken.standings;
        self.passed_over = passed_over(&plan, &taken.shortfalls);
        let reservations = match taken.outcome {
            Outcome::Admitted { reservations } => reservations,
            Outcome::Busy => return Err(Refusal::StateBusy),
            Outcome::Unreadable(account) => {
                let accounts = plan.accounts();
                let account = accounts
                    .get(account)
                    .map(|account| account.name.to_string());
                return Err(Refusal::StateUnavailable { account });
            }
            Outcome::Refused { is_contested } => {
                return self.refused(plan, &taken.shortfalls, is_contested, now, learning);
            }
        };
        let Demand {
            expected, least, ..
        } = plan.estimate.demand;
        let holds_expected = reservations.iter().all(|held| held.covers(&expected));
        self.held = plan.is_counted.then_some(Held {
            model: plan.model,
            priced_at: now.seconds(),
            size: plan.size,
            estimate: plan.estimate,
            // What is left of a small limit may be less than what is expected.
            covered: if holds_expected { expected } else { least }.completion,
            reservations,
            instead_of: plan.instead_of,
        });
        self.notes.forward(now.monotonic);
        Ok(Admission::Forward(plan.forward))
    }

    /// The longest wait counts; but a budget may name a cheaper model instead, once.
    fn refused<'b>(
        &mut self,
        plan: Plan<'b>,
        shortfalls: &[(usize, Shortfall)],
        is_contested: bool,
        now: Now,
        learning: &Learning,
    ) -> Result<Admission<'b>, Refusal> {
        let accounts = plan.accounts();
        let refusing = limits(&accounts, shortfalls);
        let refusing = refusing.filter(|(_, limit, _)| limit.mode == Mode::Enforce);
        let mut fallback = None;
        let mut longest: Option<(&Account<'_>, &Limit, &Shortfall)> = None;
        for (account, limit, shortfall) in refusing {
            fallback = fallback.or(limit.fallback);
            if longest.is_none_or(|(_, _, known)| known.wait < shortfall.wait) {
                longest = Some((account, limit, shortfall));
            }
        }
        let Some((account, limit, shortfall)) = longest else {
            return Err(Refusal::Internal("refused by nothing"));
        };
        let reached = LimitReached::new(account.name, limit, shortfall, is_contested, now);
        let refusal = Refusal::LimitReached(Box::new(reached));
        let fallback = fallback.filter(|_| self.concerns.route && plan.instead_of.is_none());
        let Some(fallback) = fallback.filter(|fallback| Some(*fallback) != plan.model) else {
            return Err(self.first_refusal(&plan, refusal));
        };
        drop(accounts);
        let instead_of = plan.model;
        match self.plan(plan.request, Some(fallback), now, learning) {
            Ok(mut plan) => {
                plan.instead_of = instead_of;
                plan.refused = Some(refusal);
                Ok(Admission::Again(Box::new(plan)))
            }
            Err(_) => {
                self.notes.reroute(self.model_name(instead_of));
                Err(refusal)
            }
        }
    }

    /// Where the cheaper model can't serve it either, why the first one doesn't is what counts.
    fn first_refusal(&mut self, plan: &Plan<'_>, refusal: Refusal) -> Refusal {
        let Some(first) = &plan.refused else {
            return refusal;
        };
        self.notes.reroute(self.model_name(plan.instead_of));
        first.clone()
    }

    pub(super) fn model_name(&self, model: Option<ModelId>) -> Option<Box<str>> {
        let model = self.policy.model(model?)?;
        Some(model.name.clone())
    }

    /// What is held, by account, and the model that it is held for.
    pub fn held(&self) -> Option<(Option<ModelId>, &[Reservation])> {
        let held = self.held.as_ref()?;
        Some((held.model, &held.reservations))
    }
}

/// Rules in shadow that would have refused a request or lowered its maximum, and soft ones that warn.
fn passed_over(plan: &Plan<'_>, shortfalls: &[(usize, Shortfall)]) -> Vec<String> {
    let accounts = plan.accounts();
    let refusing = limits(&accounts, shortfalls).map(|(_, limit, _)| limit);
    let all = accounts.iter().flat_map(|account| account.terms.limits);
    let lowering = all.filter(|limit| match limit.bound {
        Bound::Output(most) => plan.size.max_output.is_none_or(|named| named > most),
        _ => false,
    });
    let watching = refusing.chain(lowering.filter(|_| plan.is_counted));
    let watching = watching.filter(|limit| limit.mode != Mode::Enforce);
    watching.map(|limit| limit.rule.to_string()).collect()
}

/// The limits that shortfalls are of, with their accounts.
pub(super) fn limits<'a>(
    accounts: &'a [Account<'a>],
    shortfalls: &'a [(usize, Shortfall)],
) -> impl Iterator<Item = (&'a Account<'a>, &'a Limit, &'a Shortfall)> {
    shortfalls.iter().filter_map(|(index, shortfall)| {
        let account = accounts.get(*index)?;
        let Terms { limits, .. } = account.terms;
        Some((account, limits.get(shortfall.limit)?, shortfall))
    })
}
