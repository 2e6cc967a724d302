//! What is known before a body is read: keys whose requests are refused until some moment, whatever
//! they ask. Only looked at; nothing is taken.

use std::collections::HashMap;

use tollgate_core::limits::judge::Now;
use tollgate_core::refusal::LimitReached;
use tollgate_core::secret::Hash;

/// Keys that are remembered.
const MOST: usize = 1024;

/// Refusals that hold, by key.
#[derive(Default)]
pub(crate) struct Look(HashMap<Hash, Known>);

struct Known {
    /// Rules that were edited since may refuse no more.
    policy: String,
    until: u64,
    reached: LimitReached,
}

impl Look {
    /// Remembers a refusal that holds for every request of the key for so long.
    pub(crate) fn remember(
        &mut self,
        key: Hash,
        policy: &str,
        reached: &LimitReached,
        nanos: u64,
        now: Now,
    ) {
        if self.0.len() >= MOST {
            self.0.retain(|_, known| known.until > now.monotonic);
        }
        if self.0.len() < MOST {
            let known = Known {
                policy: policy.to_owned(),
                until: now.monotonic.saturating_add(nanos),
                reached: reached.clone(),
            };
            self.0.insert(key, known);
        }
    }

    /// Whether nothing is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The refusal of this key at this moment, if one is known.
    pub(crate) fn at(&mut self, key: &Hash, policy: &str, now: Now) -> Option<LimitReached> {
        let known = self.0.get(key)?;
        if known.policy != policy || known.until <= now.monotonic {
            self.0.remove(key);
            return None;
        }
        let left = known.until.saturating_sub(now.monotonic);
        Some(known.reached.clone().with_wait(left, now))
    }
}
