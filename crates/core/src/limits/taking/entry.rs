//! One account while a request takes from it.

use super::Inputs;
use crate::limits::judge::{self, Verdict};
use crate::limits::reservation::{self, Lost, Reservation};
use crate::limits::rule::Amounts;
use crate::limits::shared::Snapshot;
use crate::limits::shortfall::Wait;
use crate::limits::standing::{self, Standing};
use crate::limits::terms::Terms;
use crate::limits::time::Now;

/// Its record as it was read, and what is to become of it.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    terms: Terms<'a>,
    pub(super) snapshot: Snapshot,
    pub(super) verdict: Verdict,
    /// What dead VMs held of it.
    pub(super) lost: Vec<Lost>,
    pub(super) reservation: Reservation,
    /// To be written.
    pub(super) value: Vec<u8>,
}

impl<'a> Entry<'a> {
    /// Nothing is read yet.
    pub(super) fn new(terms: Terms<'a>) -> Self {
        Self {
            terms,
            snapshot: Snapshot::default(),
            verdict: Verdict::default(),
            lost: Vec::new(),
            reservation: Reservation::default(),
            value: Vec::new(),
        }
    }

    /// Whether the record as it was read has room.
    pub(super) fn judge(&mut self, mut snapshot: Snapshot, inputs: &Inputs<'_>) {
        let record = &mut snapshot.record;
        reservation::follow_edits(record, self.terms.limits);
        self.lost = reservation::clear_dead(record, inputs.vms);
        self.verdict = judge::judge(record, self.terms, &inputs.demand, inputs.now);
        self.snapshot = snapshot;
    }

    /// Takes what was judged.
    pub(super) fn take(&mut self, inputs: &Inputs<'_>) {
        let record = &mut self.snapshot.record;
        let (now, vm) = (inputs.now, inputs.vm);
        self.reservation = reservation::take(record, self.terms, &self.verdict, now, vm);
        self.value = record.encode();
    }

    /// Gives back what was taken, to the record as it is now.
    pub(super) fn give_back(&mut self, mut snapshot: Snapshot, now: Now) {
        let nothing = Amounts::default();
        let record = &mut snapshot.record;
        reservation::settle(record, self.terms, &self.reservation, &nothing, now);
        self.value = record.encode();
        self.snapshot = snapshot;
    }

    /// Whether a limit refuses.
    pub(super) fn refuses(&self) -> bool {
        let mut refusals = self.verdict.refusals(self.terms.limits);
        refusals.next().is_some()
    }

    /// Whether each limit that refuses may have been taken from for a request that was not admitted.
    /// Windows say what is held of them; rates do not.
    pub(super) fn may_fit_soon(&self) -> bool {
        let mut refusals = self.verdict.refusals(self.terms.limits);
        refusals.all(|refusal| match refusal.wait {
            Wait::TooLarge => false,
            _ => refusal.window.is_none() || refusal.held > 0,
        })
    }

    /// How its limits stand.
    pub(super) fn standings(&self, now: Now) -> impl Iterator<Item = Standing> + '_ {
        standing::all(&self.snapshot.record, self.terms, now)
    }
}
