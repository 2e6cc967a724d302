//! Taking what a request needs from all of its accounts, or from none.
//!
//! All records are read and judged first. If nothing refuses they are written in the order given.
//! Where another worker wrote a record in between, that account alone is judged again; if it refuses
//! now, what was taken from those before it is given back.

mod entry;

use self::entry::Entry;
use super::record::Vm;
use super::reservation::{Lost, Reservation};
use super::rule::Demand;
use super::settling::Failure;
use super::shared::{Found, MOST_TRIES, Operation, Snapshot, Transaction};
use super::taken::{Outcome, Taken};
use super::terms::Terms;
use super::time::Now;
use super::vms::Vms;

/// Reads and writes records until it is known whether the request is admitted.
#[derive(Debug)]
pub struct Taking<'a> {
    inputs: Inputs<'a>,
    entries: Vec<Entry<'a>>,
    phase: Phase,
    /// Whether everything was looked at before.
    is_retry: bool,
    tries: u32,
    conflicts: u32,
    outcome: Option<Outcome>,
    unsettled: Vec<(usize, Failure, Reservation)>,
    lost: Vec<(usize, Lost)>,
}

/// What a taking depends on.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Of the accounts, in the order in which they are written.
    pub terms: &'a [Terms<'a>],
    /// What the request needs.
    pub demand: Demand,
    /// The time.
    pub now: Now,
    /// This VM.
    pub vm: Vm,
    /// Who is alive.
    pub vms: &'a Vms,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Reading all, this one next.
    Read(usize),
    Write(usize),
    /// This one was written by another.
    ReadAgain(usize),
    /// Reading this one to give back.
    Undo(usize),
    WriteUndone(usize),
    Done,
}

impl<'a> Taking<'a> {
    /// Nothing is read yet.
    pub fn new(inputs: Inputs<'a>) -> Self {
        Self {
            entries: inputs
                .terms
                .iter()
                .map(|terms| Entry::new(*terms))
                .collect(),
            inputs,
            phase: Phase::Read(0),
            is_retry: false,
            tries: 0,
            conflicts: 0,
            outcome: None,
            unsettled: Vec::new(),
            lost: Vec::new(),
        }
        .begun()
    }

    /// Once it has nothing more.
    pub fn finish(mut self) -> Taken {
        let outcome = self.outcome.take().unwrap_or(Outcome::Busy);
        let is_decided = matches!(outcome, Outcome::Admitted { .. } | Outcome::Refused { .. });
        let mut taken = Taken {
            outcome,
            lost: std::mem::take(&mut self.lost),
            unsettled: std::mem::take(&mut self.unsettled),
            conflicts: self.conflicts,
            ..Taken::default()
        };
        for (account, entry) in self.entries.iter().enumerate() {
            let shortfalls = entry.verdict.shortfalls.iter();
            taken.shortfalls.extend(shortfalls.map(|s| (account, *s)));
            if is_decided {
                let standings = entry.standings(self.inputs.now);
                taken.standings.extend(standings.map(|s| (account, s)));
            }
        }
        taken
    }
}

impl Transaction for Taking<'_> {
    fn next(&self) -> Option<Operation<'_>> {
        match self.phase {
            Phase::Read(account) | Phase::ReadAgain(account) | Phase::Undo(account) => {
                Some(Operation::Read(account))
            }
            Phase::Write(account) | Phase::WriteUndone(account) => {
                let entry = self.entries.get(account)?;
                Some(Operation::Write {
                    account,
                    value: &entry.value,
                    cas: entry.snapshot.cas,
                })
            }
            Phase::Done => None,
        }
    }

    fn read(&mut self, found: Found) {
        let snapshot = Snapshot::read(found, self.inputs.now.wall);
        match (self.phase, snapshot) {
            (Phase::Read(account), Ok(snapshot)) => {
                self.judge(account, snapshot);
                self.read_on(account);
            }
            (Phase::ReadAgain(account), Ok(snapshot)) => {
                self.judge(account, snapshot);
                if self.refuses(account) {
                    self.give_up(account, Outcome::Refused { is_contested: true });
                } else {
                    self.take(account);
                }
            }
            (Phase::Undo(account), Ok(snapshot)) => self.undo(account, snapshot),
            (Phase::Read(account) | Phase::ReadAgain(account), Err(_)) => {
                self.give_up(account, Outcome::Unreadable(account));
            }
            (Phase::Undo(account), Err(_)) => {
                self.leave(account, Failure::Unreadable);
                self.undo_before(account);
            }
            (Phase::Write(_) | Phase::WriteUndone(_) | Phase::Done, _) => {}
        }
    }

    fn wrote(&mut self, done: bool) {
        match self.phase {
            Phase::Write(account) if done => {
                self.tries = 0;
                self.note_lost(account);
                self.write_on(account.saturating_add(1));
            }
            Phase::WriteUndone(account) if done => self.undo_before(account),
            Phase::Write(account) => {
                if self.may_try_again() {
                    self.phase = Phase::ReadAgain(account);
                } else {
                    self.give_up(account, Outcome::Busy);
                }
            }
            Phase::WriteUndone(account) => {
                if self.may_try_again() {
                    self.phase = Phase::Undo(account);
                } else {
                    self.leave(account, Failure::Busy);
                    self.undo_before(account);
                }
            }
            Phase::Read(_) | Phase::ReadAgain(_) | Phase::Undo(_) | Phase::Done => {}
        }
    }
}

impl Taking<'_> {
    fn begun(mut self) -> Self {
        if self.entries.is_empty() {
            self.admit();
        }
        self
    }

    fn judge(&mut self, account: usize, snapshot: Snapshot) {
        if let Some(entry) = self.entries.get_mut(account) {
            entry.judge(snapshot, &self.inputs);
        }
    }

    fn take(&mut self, account: usize) {
        if let Some(entry) = self.entries.get_mut(account) {
            entry.take(&self.inputs);
        }
        self.phase = Phase::Write(account);
    }

    fn note_lost(&mut self, account: usize) {
        if let Some(entry) = self.entries.get_mut(account) {
            let lost = entry.lost.drain(..).map(|lost| (account, lost));
            self.lost.extend(lost);
        }
    }

    fn refuses(&self, account: usize) -> bool {
        self.entries.get(account).is_some_and(Entry::refuses)
    }

    fn read_on(&mut self, account: usize) {
        let next = account.saturating_add(1);
        if next < self.entries.len() {
            self.phase = Phase::Read(next);
        } else if self.entries.iter().any(Entry::refuses) {
            self.refused(Outcome::Refused {
                is_contested: false,
            });
        } else {
            let entries = self.entries.iter_mut();
            entries.for_each(|entry| entry.take(&self.inputs));
            self.write_on(0);
        }
    }

    fn write_on(&mut self, account: usize) {
        if account < self.entries.len() {
            self.phase = Phase::Write(account);
        } else {
            self.admit();
        }
    }

    fn admit(&mut self) {
        let reservations = self.entries.iter_mut();
        let reservations = reservations.map(|entry| std::mem::take(&mut entry.reservation));
        self.outcome = Some(Outcome::Admitted {
            reservations: reservations.collect(),
        });
        self.phase = Phase::Done;
    }

    fn may_try_again(&mut self) -> bool {
        self.tries = self.tries.saturating_add(1);
        self.conflicts = self.conflicts.saturating_add(1);
        self.tries < MOST_TRIES
    }

    /// Gives back what was taken from the accounts before this one.
    fn give_up(&mut self, account: usize, outcome: Outcome) {
        let is_written = matches!(self.phase, Phase::Write(_) | Phase::ReadAgain(_));
        self.outcome = Some(outcome);
        self.undo_before(if is_written { account } else { 0 });
    }

    fn undo_before(&mut self, account: usize) {
        self.tries = 0;
        match account.checked_sub(1) {
            Some(before) => self.phase = Phase::Undo(before),
            None => match self.outcome.take() {
                Some(outcome) => self.refused(outcome),
                None => self.phase = Phase::Done,
            },
        }
    }

    /// What was taken from an account stays taken until someone settles it.
    fn leave(&mut self, account: usize, failure: Failure) {
        if let Some(entry) = self.entries.get_mut(account) {
            let reservation = std::mem::take(&mut entry.reservation);
            self.unsettled.push((account, failure, reservation));
        }
    }

    fn undo(&mut self, account: usize, snapshot: Snapshot) {
        if let Some(entry) = self.entries.get_mut(account) {
            entry.give_back(snapshot, self.inputs.now);
        }
        self.phase = Phase::WriteUndone(account);
    }

    /// A refusal may be due to what another worker was just giving back: then all is read once more.
    fn refused(&mut self, outcome: Outcome) {
        let is_refusal = matches!(outcome, Outcome::Refused { .. });
        let may_fit_soon = self.entries.iter().all(Entry::may_fit_soon);
        if is_refusal && !self.is_retry && may_fit_soon {
            self.is_retry = true;
            self.phase = Phase::Read(0);
            return;
        }
        self.outcome = Some(outcome);
        self.phase = Phase::Done;
    }
}
