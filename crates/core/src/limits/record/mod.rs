//! What is kept of an account, as one value that all workers share: its counters, and what each
//! worker's VM holds of them for requests in flight.

mod codec;

pub use codec::Unreadable;

use super::counter::CounterId;
use super::rate;
use super::time::Monotonic;

/// More counters than any account's rules may need; those that no rule names give way first.
const MOST_COUNTERS: usize = 64;

/// A VM of this proxy, for as long as it is alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vm {
    /// Its place in the table of VMs.
    pub slot: u32,
    /// How many VMs had this place before, and it.
    pub generation: u32,
}

/// An account's record, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// When it was created, in nanoseconds since the Unix epoch: it counts from then on, and what
    /// was reserved in another is not in it.
    pub epoch: u64,
    pub(super) counters: Vec<Counter>,
    pub(super) holds: Vec<Hold>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counter {
    pub(super) id: CounterId,
    pub(super) state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Rate(rate::State),
    /// The current window's and the one's before, in no order.
    Windows([Bucket; 2]),
}

/// What counts in one window, including what is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// When the window began, in Unix seconds.
    pub start: u64,
    /// When it was first counted in, by the monotonic clock. After clocks have jumped, a window may
    /// be counted in anew; what was taken in it before is then not in here.
    pub opened: Monotonic,
    /// All of it.
    pub used: u128,
    /// The part of it that raises carry.
    pub raised: u128,
}

/// What one VM holds for its requests in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) vm: Vm,
    pub(super) counter: CounterId,
    pub(super) start: u64,
    pub(super) amount: u128,
}

impl Record {
    /// An account that was never used.
    pub fn new(epoch: u64) -> Self {
        Self {
            epoch,
            ..Self::default()
        }
    }

    /// A rate's state.
    pub(super) fn rate(&self, id: CounterId) -> rate::State {
        match self.counter(id) {
            Some(State::Rate(state)) => state,
            _ => rate::State::default(),
        }
    }

    /// What a rate has left, and in how many nanoseconds all of it is back.
    pub fn rate_left(&self, rate: &rate::Rate, id: CounterId, now: Monotonic) -> (u32, u64) {
        rate.left(self.rate(id), now)
    }

    pub(super) fn has_counter(&self, id: CounterId) -> bool {
        self.counter(id).is_some()
    }

    pub(super) fn set_rate(&mut self, id: CounterId, state: rate::State) {
        if let Some(entry) = self.entry(id) {
            *entry = State::Rate(state);
        }
    }

    /// What counts in the window that began at `start`.
    pub fn bucket(&self, id: CounterId, start: u64) -> Bucket {
        let empty = Bucket {
            start,
            ..Bucket::default()
        };
        match self.counter(id) {
            Some(State::Windows(buckets)) => buckets
                .into_iter()
                .find(|bucket| bucket.start == start)
                .unwrap_or(empty),
            _ => empty,
        }
    }

    /// The same, to be changed. The older window, and what is held in it, gives way to one that is
    /// not there yet.
    pub(super) fn bucket_mut(
        &mut self,
        id: CounterId,
        start: u64,
        now: Monotonic,
    ) -> Option<&mut Bucket> {
        let State::Windows(buckets) = self.entry(id)? else {
            return None;
        };
        let found = buckets.iter().position(|bucket| bucket.start == start);
        let [a, b] = *buckets;
        let index = found.unwrap_or(usize::from(b.start < a.start));
        if found.is_none() {
            let gone = if index == 0 { a.start } else { b.start };
            self.holds
                .retain(|hold| hold.counter != id || hold.start != gone);
        }
        let State::Windows(buckets) = self.entry(id)? else {
            return None;
        };
        let bucket = buckets.get_mut(index)?;
        if bucket.opened == 0 || found.is_none() {
            *bucket = Bucket {
                start,
                opened: now,
                ..Bucket::default()
            };
        }
        Some(bucket)
    }

    /// The same, if it is there.
    pub(super) fn kept_bucket_mut(&mut self, id: CounterId, start: u64) -> Option<&mut Bucket> {
        let counter = self.counters.iter_mut().find(|counter| counter.id == id)?;
        let State::Windows(buckets) = &mut counter.state else {
            return None;
        };
        buckets.iter_mut().find(|bucket| bucket.start == start)
    }

    /// Whether a window can be counted in without another giving way.
    pub(super) fn has_room(&self, id: CounterId, start: u64) -> bool {
        match self.counter(id) {
            Some(State::Windows(buckets)) => buckets
                .iter()
                .any(|bucket| bucket.start == start || *bucket == Bucket::default()),
            _ => true,
        }
    }

    /// What all VMs hold of a counter.
    pub fn held(&self, id: CounterId, start: u64) -> u128 {
        let holds = self.holds.iter();
        holds
            .filter(|hold| hold.counter == id && hold.start == start)
            .fold(0, |sum, hold| sum.saturating_add(hold.amount))
    }

    /// Whether a VM has requests in flight, and was not taken for dead.
    pub(super) fn is_holding(&self, vm: Vm) -> bool {
        let mut holds = self.holds.iter();
        holds.any(|hold| hold.vm == vm && hold.counter == CounterId::CONCURRENCY)
    }

    pub(super) fn hold(&mut self, vm: Vm, counter: CounterId, start: u64, amount: u128) {
        if amount == 0 {
            return;
        }
        let mut holds = self.holds.iter_mut();
        match holds.find(|hold| hold.vm == vm && hold.counter == counter && hold.start == start) {
            Some(hold) => hold.amount = hold.amount.saturating_add(amount),
            None => self.holds.push(Hold {
                vm,
                counter,
                start,
                amount,
            }),
        }
    }

    /// Gives up what a VM holds, as much of it as is there.
    pub(super) fn release(&mut self, vm: Vm, counter: CounterId, start: u64, amount: u128) {
        for hold in &mut self.holds {
            if hold.vm == vm && hold.counter == counter && hold.start == start {
                hold.amount = hold.amount.saturating_sub(amount);
            }
        }
        self.holds.retain(|hold| hold.amount > 0);
    }

    /// Lets a counter that is not there yet go on as another one did, if that is there.
    pub(super) fn rename(&mut self, from: CounterId, to: CounterId) {
        if self.counter(to).is_none() {
            let mut counters = self.counters.iter_mut();
            if let Some(counter) = counters.find(|counter| counter.id == from) {
                counter.id = to;
            }
        }
    }

    /// Makes room where edits of the rules have left many counters that no rule names: those
    /// without anything held go.
    pub(super) fn tidy(&mut self, is_named: impl Fn(CounterId) -> bool) {
        if self.counters.len() < MOST_COUNTERS {
            return;
        }
        let holds = &self.holds;
        self.counters.retain(|counter| {
            is_named(counter.id) || holds.iter().any(|hold| hold.counter == counter.id)
        });
    }

    fn counter(&self, id: CounterId) -> Option<State> {
        let found = self.counters.iter().find(|counter| counter.id == id);
        found.map(|counter| counter.state)
    }

    fn entry(&mut self, id: CounterId) -> Option<&mut State> {
        if self.counter(id).is_none() {
            let state = State::empty(id);
            self.counters.push(Counter { id, state });
        }
        let found = self.counters.iter_mut().find(|counter| counter.id == id);
        found.map(|counter| &mut counter.state)
    }
}

impl State {
    fn empty(id: CounterId) -> Self {
        if id.is_rate() {
            Self::Rate(rate::State::default())
        } else {
            Self::Windows([Bucket::default(); 2])
        }
    }
}
