//! What is known before a body is read: keys whose requests are refused until some moment, whatever
//! they ask. Only looked at; nothing is taken.

use std::collections::HashMap;

use super::{Exchange, announce};
use crate::api::Api;
use crate::limits::standing::Standing;
use crate::limits::time::{Monotonic, Now};
use crate::policy::Policy;
use crate::price::Quantities;
use crate::refusal::{LimitReached, Refusal, Unit};
use crate::reply::Reply;
use crate::secret::Hash;

/// Keys that are remembered.
const MOST: usize = 1024;

/// Refusals that hold, by key.
#[derive(Debug, Default)]
pub struct RefusalCache(HashMap<Hash, Known>);

#[derive(Debug)]
struct Known {
    /// Rules that were edited since may refuse no more.
    policy: String,
    until: Monotonic,
    reached: LimitReached,
    /// How limits stood, and when.
    standings: Vec<(usize, Standing)>,
    at: Monotonic,
}

impl Exchange {
    /// The answer where a limit is known to refuse the key, whatever this request asks. Only where
    /// something is known are the clocks read.
    pub fn refuse_early(
        &mut self,
        refusals: &mut RefusalCache,
        now: impl Fn() -> Now,
    ) -> Option<Reply> {
        if refusals.0.is_empty() {
            return None;
        }
        let now = now();
        let known = refusals.at(&self.key()?, &self.policy, self.api, now)?;
        let told = announce::limits(&known.standings, now.monotonic.saturating_sub(known.at));
        let reached = known.reached(now);
        let refusal = Refusal::LimitReached(Box::new(reached));
        Some(self.refuse(&refusal).with(told))
    }

    /// Remembers the limit that has refused it, if that refuses the key's other requests too.
    pub fn remember_refusal(&self, refusals: &mut RefusalCache, now: Now) {
        if let Some(reached) = self.notes.limit_reached()
            && let Some(key) = self.key()
        {
            refusals.remember(key, &self.policy, reached, &self.standings, now);
        }
    }
}

impl RefusalCache {
    fn remember(
        &mut self,
        key: Hash,
        policy: &Policy,
        reached: &LimitReached,
        standings: &[(usize, Standing)],
        now: Now,
    ) {
        let Some(nanos) = reached.holds_for() else {
            return;
        };
        if reached.unit == Unit::Usd && !all_cost(policy, now) {
            return;
        }
        if self.0.len() >= MOST {
            self.0.retain(|_, known| known.until > now.monotonic);
        }
        if self.0.len() < MOST {
            let known = Known {
                policy: policy.version().to_owned(),
                until: now.monotonic.saturating_add(nanos),
                reached: reached.clone(),
                standings: standings.to_vec(),
                at: now.monotonic,
            };
            self.0.insert(key, known);
        }
    }

    fn at(&mut self, key: &Hash, policy: &Policy, api: Option<Api>, now: Now) -> Option<&Known> {
        let known = self.0.get(key)?;
        let window = known.reached.window;
        let is_over = known.until <= now.monotonic
            || known.policy != policy.version()
            || window.is_some_and(|window| !window.holds(now.seconds()));
        if is_over {
            self.0.remove(key);
            return None;
        }
        // What no model works for takes a request and nothing else.
        let is_free = !api.is_some_and(Api::is_chargeable);
        let known = self.0.get(key)?;
        (!is_free || known.reached.unit == Unit::Requests).then_some(known)
    }
}

impl Known {
    /// The refusal, as it is to be told at this moment.
    fn reached(&self, now: Now) -> LimitReached {
        let left = self.until.saturating_sub(now.monotonic);
        self.reached.clone().at(left, now)
    }
}

/// Whether there is no model that a request could go to for nothing.
fn all_cost(policy: &Policy, now: Now) -> bool {
    let least = Quantities::plain(1, 0);
    policy.models().all(|(_, model)| {
        let list = model.prices_at(now.seconds());
        list.is_some_and(|list| list.cost(&least).usd.pico() > 0)
    })
}
