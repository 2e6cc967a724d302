//! What a worker is in the middle of with one request's accounts; and what each of its writes means to
//! the reference.

use std::collections::BTreeSet;

use tollgate_core::limits::extending::Extending;
use tollgate_core::limits::record::Vm;
use tollgate_core::limits::reservation::Reservation;
use tollgate_core::limits::rule::{Amounts, Demand};
use tollgate_core::limits::settling::Settling;
use tollgate_core::limits::shared::{Found, Operation, Transaction};
use tollgate_core::limits::taken::Outcome;
use tollgate_core::limits::taking::{Inputs, Taking};
use tollgate_core::limits::terms::Terms;
use tollgate_core::limits::time::Now;
use tollgate_core::limits::vms::Vms;

use crate::reference::{Account, Question, RequestId};
use crate::world::{Policy, Seen, leak};

pub(crate) struct Request {
    pub(crate) id: RequestId,
    pub(crate) policy: Policy,
    pub(crate) accounts: Vec<usize>,
    pub(crate) terms: &'static [Terms<'static>],
    pub(crate) reservations: Vec<Reservation>,
}

pub(crate) struct Task {
    request: Request,
    now: Now,
    doing: Doing,
}

enum Doing {
    Take(Box<Take>),
    Settle {
        settling: Settling<'static>,
        used: Amounts,
        settled: usize,
    },
    Extend {
        extending: Extending<'static>,
        amounts: Amounts,
        /// Rules, with the place of their account.
        exceeded: Vec<(usize, usize)>,
    },
}

struct Take {
    taking: Taking<'static>,
    demand: Demand,
    vm: Vm,
    vms: &'static Vms,
    taken: BTreeSet<usize>,
    /// Those for which the reference refused when their record was read last.
    refusals: BTreeSet<usize>,
}

impl Task {
    pub(crate) fn take(
        request: Request,
        demand: Demand,
        now: Now,
        vm: Vm,
        vms: &'static Vms,
    ) -> Self {
        let taking = Taking::new(Inputs {
            terms: request.terms,
            demand,
            now,
            vm,
            vms,
        });
        Self {
            request,
            now,
            doing: Doing::Take(Box::new(Take {
                taking,
                demand,
                vm,
                vms,
                taken: BTreeSet::new(),
                refusals: BTreeSet::new(),
            })),
        }
    }

    pub(crate) fn settle(request: Request, used: Amounts, now: Now) -> Self {
        let reservations = leak(request.reservations.clone());
        Self {
            doing: Doing::Settle {
                settling: Settling::new(request.terms, reservations, used, now),
                used,
                settled: 0,
            },
            request,
            now,
        }
    }

    pub(crate) fn extend(request: Request, amounts: Amounts, now: Now) -> Self {
        let reservations = request.reservations.clone();
        Self {
            doing: Doing::Extend {
                extending: Extending::new(request.terms, reservations, amounts, now),
                amounts,
                exceeded: Vec::new(),
            },
            request,
            now,
        }
    }

    /// The account that stands at this place of the request's.
    pub(crate) fn account(&self, index: usize) -> usize {
        self.request.accounts[index]
    }

    /// Its record is read now.
    pub(crate) fn looked(&mut self, index: usize, account: &Account) {
        if let Doing::Take(take) = &mut self.doing {
            if account.refuses(self.request.question(index, take, self.now)) {
                take.refusals.insert(index);
            } else {
                take.refusals.remove(&index);
            }
        }
    }

    /// Its record was written.
    pub(crate) fn did(&mut self, index: usize, account: &mut Account, seen: &mut Seen) {
        let Self { request, now, .. } = self;
        let rules = &request.policy.rules[request.accounts[index]];
        match &mut self.doing {
            Doing::Take(take) => {
                if take.taken.insert(index) {
                    let question = request.question(index, take, *now);
                    assert!(!account.refuses(question), "taken beyond a limit");
                    account.take(request.id, take.vm, question);
                } else {
                    take.taken.remove(&index);
                    seen.undone += 1;
                    account.undo(request.id, rules, *now);
                }
            }
            Doing::Settle { used, settled, .. } => {
                *settled += 1;
                account.settle(request.id, rules, used, *now);
            }
            Doing::Extend {
                amounts, exceeded, ..
            } => {
                let beyond = account.extend(request.id, rules, amounts, *now);
                exceeded.extend(beyond.into_iter().map(|rule| (index, rule)));
            }
        }
    }

    /// Nothing is left to do; the request, if it goes on.
    pub(crate) fn end(self, seen: &mut Seen) -> Option<Request> {
        let mut request = self.request;
        match self.doing {
            Doing::Take(take) => {
                let over = take.taking.finish();
                match over.outcome {
                    Outcome::Admitted { reservations } => {
                        assert_eq!(take.taken.len(), request.accounts.len(), "all are taken");
                        seen.admitted += 1;
                        seen.buried += over.lost.len();
                        request.reservations = reservations;
                        Some(request)
                    }
                    Outcome::Refused { .. } => {
                        assert!(take.taken.is_empty(), "none is taken");
                        assert!(!take.refusals.is_empty(), "refused by nothing");
                        seen.refused += 1;
                        None
                    }
                    other => panic!("{other:?}"),
                }
            }
            Doing::Settle {
                settling, settled, ..
            } => {
                assert_eq!(settled, request.accounts.len(), "settled once with each");
                assert!(settling.failed().is_empty());
                None
            }
            Doing::Extend {
                extending,
                exceeded,
                ..
            } => {
                let over = extending.finish();
                assert!(over.failed.is_empty());
                let beyond = over.exceeded.iter();
                let mut beyond: Vec<_> = beyond.map(|(index, s)| (*index, s.limit)).collect();
                beyond.sort_unstable();
                assert_eq!(beyond, exceeded);
                seen.extended += 1;
                seen.exceeded += exceeded.len();
                request.reservations = over.reservations;
                Some(request)
            }
        }
    }
}

impl Transaction for Task {
    fn next(&self) -> Option<Operation<'_>> {
        match &self.doing {
            Doing::Take(take) => take.taking.next(),
            Doing::Settle { settling, .. } => settling.next(),
            Doing::Extend { extending, .. } => extending.next(),
        }
    }

    fn read(&mut self, found: Found) {
        match &mut self.doing {
            Doing::Take(take) => take.taking.read(found),
            Doing::Settle { settling, .. } => settling.read(found),
            Doing::Extend { extending, .. } => extending.read(found),
        }
    }

    fn wrote(&mut self, done: bool) {
        match &mut self.doing {
            Doing::Take(take) => take.taking.wrote(done),
            Doing::Settle { settling, .. } => settling.wrote(done),
            Doing::Extend { extending, .. } => extending.wrote(done),
        }
    }
}

impl Request {
    fn question<'a>(&self, index: usize, take: &'a Take, now: Now) -> Question<'a> {
        Question {
            rules: &self.policy.rules[self.accounts[index]],
            zones: self.policy.zones,
            demand: &take.demand,
            now,
            vms: take.vms,
        }
    }
}
