//! What is known before a body is read: keys whose requests are refused until some moment, whatever
//! they ask. Only looked at; nothing is taken.

use std::collections::HashMap;

use super::Exchange;
use crate::api::Api;
use crate::limits::judge::Now;
use crate::limits::rate::Monotonic;
use crate::policy::Policy;
use crate::price::Quantities;
use crate::refusal::{LimitReached, Refusal, Unit};
use crate::secret::Hash;

/// Keys that are remembered.
const MOST: usize = 1024;

/// Refusals that hold, by key.
#[derive(Debug, Default)]
pub struct Look(HashMap<Hash, Known>);

#[derive(Debug)]
struct Known {
    /// Rules that were edited since may refuse no more.
    policy: String,
    until: Monotonic,
    reached: LimitReached,
}

impl Exchange {
    /// A limit that is known to refuse the key, whatever this request asks. Only where something is
    /// known are the clocks read.
    pub fn known_refusal(&self, look: &mut Look, now: impl Fn() -> Now) -> Option<Refusal> {
        if look.0.is_empty() {
            return None;
        }
        let reached = look.at(&self.key()?, &self.policy, self.api, now())?;
        Some(Refusal::LimitReached(Box::new(reached)))
    }

    /// Remembers the limit that has refused it, if that refuses the key's other requests too.
    pub fn remember_refusal(&self, look: &mut Look, now: Now) {
        if let Some(reached) = self.record.limit_reached()
            && let Some(key) = self.key()
        {
            look.remember(key, &self.policy, reached, now);
        }
    }
}

impl Look {
    fn remember(&mut self, key: Hash, policy: &Policy, reached: &LimitReached, now: Now) {
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
            };
            self.0.insert(key, known);
        }
    }

    fn at(
        &mut self,
        key: &Hash,
        policy: &Policy,
        api: Option<Api>,
        now: Now,
    ) -> Option<LimitReached> {
        let known = self.0.get(key)?;
        let reached = &known.reached;
        let stands = known.policy == policy.version() && known.until > now.monotonic;
        if !stands || reached.window.is_some_and(|w| !w.holds(now.seconds())) {
            self.0.remove(key);
            return None;
        }
        // What no model works for takes a request and nothing else.
        let is_free = !api.is_some_and(Api::is_chargeable) && reached.unit != Unit::Requests;
        let left = known.until.saturating_sub(now.monotonic);
        (!is_free).then(|| reached.clone().at(left, now))
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
