//! A stream that passes what is reserved for it: more is reserved in steps, and where that does not
//! fit a limit that says `on_overrun: cut`, the stream ends there.

use super::Exchange;
use super::admit::limits;
use super::bill;
use crate::limits::extending::Extended;
use crate::limits::reservation::Reservation;
use crate::limits::rule::{Amounts, Mode, Overrun};
use crate::limits::settling::Failure;
use crate::limits::time::{Monotonic, Now};
use crate::policy::Account;
use crate::price::Quantities;
use crate::refusal::{LimitReached, Refusal};
use crate::reply::Reply;

/// A step is a quarter of what is reserved, but no fewer output tokens than this, so that accounts
/// are not asked for every few events.
const SMALLEST_STEP: u64 = 64;
/// And no more: what is reserved and not used keeps others out.
const LARGEST_STEP: u64 = 256;

/// Whether a stream is to end before its upstream ends it.
#[derive(Debug, Default)]
pub(super) enum Cut {
    #[default]
    No,
    /// As soon as an event ends.
    Due(Refusal),
    /// Its client was told. Nothing more passes.
    Done,
}

impl Exchange {
    /// What has to be reserved for a stream in all, once it has passed what is reserved for it. Only
    /// then is the clock read.
    pub fn top_up(&mut self, now: impl Fn() -> Monotonic) -> Option<(Amounts, Vec<Reservation>)> {
        let held = self.held.as_ref()?;
        let meter = self.meter.as_ref()?;
        let made = meter.made();
        let is_over = meter.is_json() || self.notes.is_complete();
        if made <= held.covered || is_over || held.reservations.is_empty() {
            return None;
        }
        let step = (held.covered / 4).clamp(SMALLEST_STEP, LARGEST_STEP);
        let covered = made.saturating_add(step);
        let model = self.policy.model(held.model?)?;
        let mut quantities = Quantities::plain(held.estimate.demand.expected.prompt, covered);
        quantities.images = held.size.images;
        quantities.milliseconds = self.notes.worked_ms(now());
        let amounts = Amounts {
            requests: 1,
            prompt: quantities.prompt(),
            completion: quantities.completion(),
            cost: bill::cost(model, held, &quantities).usd,
        };
        let held = self.held.as_mut()?;
        held.covered = covered;
        Some((amounts, held.reservations.clone()))
    }

    /// What came of reserving that.
    pub fn topped_up(&mut self, extended: Extended, now: Now) {
        let Some(held) = &mut self.held else {
            return;
        };
        held.reservations = extended.reservations;
        let model = held.model.and_then(|model| self.policy.model(model));
        let accounts = self.policy.accounts(self.key, model);
        for (account, limit, shortfall) in limits(&accounts, &extended.exceeded) {
            if limit.on_overrun == Overrun::Finish {
                continue;
            }
            if limit.mode == Mode::Enforce {
                let reached = LimitReached::new(account.name, limit, shortfall, false, now);
                self.cut.ask(Refusal::LimitReached(Box::new(reached)));
            } else if !self.passed_over.iter().any(|rule| **rule == *limit.rule) {
                self.passed_over.push(limit.rule.to_string());
            }
        }
        let unreadable = extended.failed.iter();
        let unreadable = unreadable.filter(|(_, failure)| *failure == Failure::Unreadable);
        for account in unreadable.filter_map(|(account, _)| accounts.get(*account)) {
            if cuts(account) {
                let account = Some(account.name.to_string());
                self.cut.ask(Refusal::StateUnavailable { account });
            }
        }
    }

    /// What passes instead of the last piece of the answer, where the stream ends with it: whole
    /// events, and one that says why. `passed`: what would have passed.
    pub fn cut(&mut self, passed: &[u8]) -> Option<Vec<u8>> {
        let Cut::Due(refusal) = &self.cut else {
            return None;
        };
        let boundary = self.meter.as_ref()?.boundary()?;
        let whole = passed.get(..boundary)?;
        if self.notes.is_complete() {
            // It is over anyhow.
            return None;
        }
        let error = Reply::event(refusal, self.api?, self.dialect, &self.request_id);
        self.notes.cut(refusal);
        self.cut = Cut::Done;
        Some([whole, &error].concat())
    }

    /// Whether the stream was ended here: nothing more passes.
    pub fn is_cut(&self) -> bool {
        matches!(self.cut, Cut::Done)
    }
}

impl Cut {
    /// The first reason counts.
    fn ask(&mut self, refusal: Refusal) {
        if matches!(self, Self::No) {
            *self = Self::Due(refusal);
        }
    }
}

fn cuts(account: &Account<'_>) -> bool {
    let mut limits = account.terms.limits.iter();
    limits.any(|limit| limit.mode == Mode::Enforce && limit.on_overrun == Overrun::Cut)
}
