//! What is usual for a model, and for an organization's use of it once there is enough of that:
//! learned by each VM from the answers that it sees, and shared with the others on the tick.

mod histogram;
mod learned;
mod seen;

use std::collections::BTreeMap;
use std::fmt;

pub use self::learned::Learned;
pub use self::seen::{Observation, Seen};

/// Exchanges before what they show is believed: of a model, and of an organization's use of it.
const ENOUGH: u64 = 16;
const ENOUGH_OF_ORGANIZATION: u64 = 64;
/// What is usual is worked out again when so many parts of all exchanges are new.
const STALE: u64 = 16;
/// Models, and organizations of a model, that are kept.
const MOST: usize = 4096;

/// Everything that was seen, by model.
#[derive(Debug, Default)]
pub struct Learning {
    models: BTreeMap<Box<str>, OfModel>,
    organizations: usize,
    /// What was shared last: others come first.
    shared: Option<Subject>,
}

#[derive(Debug, Default)]
struct OfModel {
    all: Entry,
    by_organization: BTreeMap<Box<str>, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    /// By all VMs, as far as it was shared, and by this one.
    known: Seen,
    /// By this VM alone, since it was shared.
    fresh: Seen,
    learned: Option<Learned>,
    /// Exchanges since that was worked out.
    since: u64,
}

/// Of which something was seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    model: Box<str>,
    organization: Option<Box<str>>,
}

impl Subject {
    /// A model, whoever uses it.
    pub fn model(model: &str) -> Self {
        Self {
            model: model.into(),
            organization: None,
        }
    }
}

/// Names what VMs share of it.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(organization) = &self.organization {
            write!(f, "organization:{organization}.")?;
        }
        write!(f, "model:{}", self.model)
    }
}

impl Learning {
    /// What is usual for this model, where this organization asks.
    pub fn of(&self, model: &str, organization: Option<&str>) -> Learned {
        let Some(seen) = self.models.get(model) else {
            return Learned::default();
        };
        let own = organization.and_then(|name| seen.by_organization.get(name));
        let own = own.filter(|own| own.known.exchanges >= ENOUGH_OF_ORGANIZATION);
        let all = Some(&seen.all).filter(|all| all.known.exchanges >= ENOUGH);
        let believed = own.or(all).and_then(|entry| entry.learned);
        believed.unwrap_or_default()
    }

    /// Takes one more exchange into account.
    pub fn observe(&mut self, model: &str, organization: Option<&str>, observation: Observation) {
        if !self.models.contains_key(model) {
            if self.models.len() >= MOST {
                return;
            }
            self.models.insert(model.into(), OfModel::default());
        }
        let Some(seen) = self.models.get_mut(model) else {
            return;
        };
        seen.all.observe(observation);
        let Some(organization) = organization else {
            return;
        };
        if !seen.by_organization.contains_key(organization) {
            if self.organizations >= MOST {
                return;
            }
            self.organizations = self.organizations.saturating_add(1);
            let entry = Entry::default();
            seen.by_organization.insert(organization.into(), entry);
        }
        if let Some(own) = seen.by_organization.get_mut(organization) {
            own.observe(observation);
        }
    }

    /// Those of which others do not know all that this VM has seen; at most this many, in turn.
    pub fn unshared(&self, most: usize) -> Vec<Subject> {
        let all = self.models.iter().flat_map(|(model, seen)| {
            let own = seen.by_organization.iter();
            let own = own.map(|(organization, entry)| (Some(organization), entry));
            std::iter::once((None, &seen.all))
                .chain(own)
                .filter(|(_, entry)| entry.fresh.exchanges > 0)
                .map(|(organization, _)| Subject {
                    model: model.clone(),
                    organization: organization.cloned(),
                })
        });
        let is_later = |subject: &Subject| Some(subject) > self.shared.as_ref();
        let (later, earlier): (Vec<_>, Vec<_>) = all.partition(is_later);
        later.into_iter().chain(earlier).take(most).collect()
    }

    /// What all have seen, this VM included; `found`: what they share. `None` where that can't be
    /// read: it is left alone.
    pub fn merged(&self, subject: &Subject, found: Option<&[u8]>) -> Option<Seen> {
        let entry = self.entry(subject)?;
        let Some(value) = found else {
            // The first, or the host has lost it: what is known is known to all.
            return Some(entry.known.clone());
        };
        let mut seen = Seen::decode(value).ok()?;
        seen.merge(&entry.fresh);
        Some(seen)
    }

    /// That was written.
    pub fn shared(&mut self, subject: &Subject, seen: Seen) {
        if let Some(entry) = self.entry_mut(subject) {
            entry.fresh = Seen::default();
            entry.know(seen);
            self.shared = Some(subject.clone());
        }
    }

    /// What others share of a model, of which this VM has nothing to add.
    pub fn refresh(&mut self, model: &str, found: Option<&[u8]>) {
        let Some(Ok(seen)) = found.map(Seen::decode) else {
            return;
        };
        if !self.models.contains_key(model) && self.models.len() < MOST {
            self.models.insert(model.into(), OfModel::default());
        }
        if let Some(known) = self.models.get_mut(model)
            && known.all.fresh.exchanges == 0
        {
            known.all.know(seen);
        }
    }

    fn entry(&self, subject: &Subject) -> Option<&Entry> {
        let seen = self.models.get(&subject.model)?;
        match &subject.organization {
            Some(organization) => seen.by_organization.get(organization),
            None => Some(&seen.all),
        }
    }

    fn entry_mut(&mut self, subject: &Subject) -> Option<&mut Entry> {
        let seen = self.models.get_mut(&subject.model)?;
        match &subject.organization {
            Some(organization) => seen.by_organization.get_mut(organization),
            None => Some(&mut seen.all),
        }
    }
}

impl Entry {
    fn observe(&mut self, observation: Observation) {
        self.known.observe(observation);
        self.fresh.observe(observation);
        self.since = self.since.saturating_add(1);
        if self.since >= self.known.exchanges / STALE {
            self.work_out();
        }
    }

    fn know(&mut self, seen: Seen) {
        self.known = seen;
        self.work_out();
    }

    fn work_out(&mut self) {
        self.learned = Some(self.known.learned());
        self.since = 0;
    }
}
