//! The request as it is to be forwarded, before its accounts were asked: where it goes, what
//! changes in it, and what it may come to.

use std::rc::Rc;

use super::{Exchange, Forward};
use crate::headers::Headers;
use crate::limits::estimate::{self, Estimate};
use crate::limits::learning::Learning;
use crate::limits::rule::{Admit, Bound, Demand, Measure, Mode};
use crate::limits::time::Now;
use crate::policy::{Account, KeyId, Model, ModelId, Policy};
use crate::refusal::{CredentialFault, Refusal};
use crate::request::size::Size;
use crate::request::{Request, Route};

/// A request that would be forwarded.
#[derive(Debug)]
pub struct Plan<'b> {
    pub(super) request: Request<'b>,
    pub(super) policy: Rc<Policy>,
    key: Option<KeyId>,
    pub(super) model: Option<ModelId>,
    pub(super) size: Size,
    pub(super) estimate: Estimate,
    /// Whether accounts, caps or prices make anything of what it comes to.
    pub(super) is_counted: bool,
    pub(super) forward: Forward,
    /// The model that it would have gone to, had a budget not been used up.
    pub(super) instead_of: Option<ModelId>,
    /// Why it did not.
    pub(super) refused: Option<Refusal>,
}

impl Plan<'_> {
    /// The accounts that have to have room for it, in the order in which they are taken from.
    pub fn accounts(&self) -> Vec<Account<'_>> {
        self.policy.accounts(self.key, self.model())
    }

    /// Whether accounts, caps or prices make anything of what it comes to.
    pub fn is_counted(&self) -> bool {
        self.is_counted
    }

    /// What it asks of each.
    pub fn demand(&self) -> Demand {
        self.estimate.demand
    }

    /// The policy that it is planned under.
    pub fn policy(&self) -> Rc<Policy> {
        Rc::clone(&self.policy)
    }

    /// Whose it is.
    pub fn key(&self) -> Option<KeyId> {
        self.key
    }

    /// The model that it goes to.
    pub fn model_id(&self) -> Option<ModelId> {
        self.model
    }

    fn model(&self) -> Option<&Model> {
        self.policy.model(self.model?)
    }
}

impl Exchange {
    /// Reads the body and decides all but whether the accounts have room.
    pub(super) fn plan_by_body<'b>(
        &mut self,
        body: &'b [u8],
        now: Now,
        learning: &Learning,
    ) -> Result<Plan<'b>, Refusal> {
        let api = self
            .api
            .ok_or(Refusal::Internal("a body without an endpoint"))?;
        let request = Request::read(api, body)?;
        self.notes.request(&request);
        self.takes_out_usage = request.stream && !request.wants_usage_event;
        self.plan(request, None, now, learning)
    }

    /// Plans a request, for the model that it names or for another one `instead`.
    pub(super) fn plan<'b>(
        &mut self,
        request: Request<'b>,
        instead: Option<ModelId>,
        now: Now,
        learning: &Learning,
    ) -> Result<Plan<'b>, Refusal> {
        let policy = Rc::clone(&self.policy);
        let mut forward = Forward::default();
        let mut route: Option<Route<'_>> = None;
        let mut model = None;
        if self.concerns.route {
            let headers = Headers(&self.sticky);
            let found = request.route(&policy, self.key, instead, headers)?;
            self.notes.route(found);
            // In a chain of modules none replaces an answer: the one that meters has to see it.
            self.cold_start = found.target.cold_start.filter(|_| self.concerns.meter);
            forward.set = self.hints(&policy, found);
            model = Some(found.id);
            route = Some(found);
        } else if self.concerns.reserves() {
            let told = self.model_told(&policy, &request)?;
            if self.notes.model.is_none() {
                self.notes.reroute(self.model_name(Some(told)));
            }
            model = Some(told);
        } else if let Some(name) = &self.notes.model {
            model = policy.model_by_name(name);
        }
        let known = model.and_then(|id| policy.model(id));
        let known = known.filter(|_| self.concerns.reserves());
        let measured = match known {
            Some(known) => self.measure(&request, known, now, learning)?,
            None => None,
        };
        let (size, estimate) = measured.unwrap_or_default();
        let metered = self.concerns.reads_answers();
        forward.body = request.rewrite(route, metered, estimate.max_output)?;
        Ok(Plan {
            request,
            key: self.key,
            model,
            size,
            estimate,
            is_counted: measured.is_some(),
            forward,
            instead_of: None,
            refused: None,
            policy: Rc::clone(&self.policy),
        })
    }

    /// The model by which a module that does not route holds accounts to limits: as the router before
    /// it has found, or without one as the client names it. None is not an answer, nor is no key
    /// where keys have limits.
    fn model_told(&self, policy: &Policy, request: &Request<'_>) -> Result<ModelId, Refusal> {
        if self.key.is_none() && policy.limits_tenants() {
            return Err(Refusal::Unauthenticated(CredentialFault::Missing));
        }
        match &self.notes.model {
            // A router that knows more than this module: policies are being exchanged.
            Some(name) => policy.model_by_name(name).ok_or(Refusal::NotReady),
            None => {
                let model = policy.model_by_name(&request.model);
                model.ok_or_else(|| Refusal::ModelNotFound {
                    model: crate::text::printable(request.model.as_bytes()),
                })
            }
        }
    }

    /// What it may come to; `None` where nothing counts.
    fn measure(
        &self,
        request: &Request<'_>,
        model: &Model,
        now: Now,
        learning: &Learning,
    ) -> Result<Option<(Size, Estimate)>, Refusal> {
        let accounts = self.policy.accounts(self.key, Some(model));
        if accounts.is_empty() && model.max_output.is_none() && !model.has_prices() {
            return Ok(None);
        }
        let terms = AccountTerms::of(&accounts);
        let size = request.size(model, terms.asks_worst_case)?;
        if terms.counts_money {
            request.check_chargeable(model)?;
        }
        if terms.is_worst_case {
            request.check_bounded(&size, model)?;
        }
        let estimate = estimate::estimate(estimate::Inputs {
            api: request.api(),
            size: &size,
            model,
            prices: model.prices_at(now.seconds()),
            learned: &learning.of(&model.name, self.organization()),
            cap: terms.cap,
            is_worst_case: terms.is_worst_case,
            asks_worst_case: terms.asks_worst_case,
        });
        Ok(Some((size, estimate)))
    }
}

/// What the accounts' limits say of an estimate.
#[derive(Default)]
struct AccountTerms {
    /// The lowest cap on output.
    cap: Option<u32>,
    is_worst_case: bool,
    /// Also in shadow.
    asks_worst_case: bool,
    counts_money: bool,
}

impl AccountTerms {
    fn of(accounts: &[Account<'_>]) -> Self {
        let mut terms = Self::default();
        for limit in accounts.iter().flat_map(|account| account.terms.limits) {
            terms.asks_worst_case |= limit.admit == Admit::WorstCase;
            if limit.mode != Mode::Enforce {
                continue;
            }
            terms.is_worst_case |= limit.admit == Admit::WorstCase;
            match &limit.bound {
                Bound::Output(most) => {
                    terms.cap = Some(terms.cap.map_or(*most, |cap| cap.min(*most)));
                }
                Bound::Window {
                    measure: Measure::Money,
                    ..
                } => terms.counts_money = true,
                _ => {}
            }
        }
        terms
    }
}
