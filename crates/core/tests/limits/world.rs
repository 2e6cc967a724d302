//! Several workers that share one store, each doing one operation at a time, in any order; and the
//! reference, which is told what each write meant.

use std::collections::BTreeMap;

use tollgate_core::limits::counter::CounterId;
use tollgate_core::limits::record::{Record, Vm};
use tollgate_core::limits::rule::{Amounts, Bound, Demand};
use tollgate_core::limits::shared::{Operation, Transaction as _};
use tollgate_core::limits::terms::Terms;
use tollgate_core::limits::time::Now;
use tollgate_core::limits::vms::{TICK, Vms};
use tollgate_core::limits::window::Zone;

use crate::reference::{self, RequestId};
use crate::rules::Rule;
use crate::task::{Request, Task};

/// A key of two, its team, its organization and a model.
pub(crate) const ACCOUNTS: usize = 5;

/// What one request is under until it ends, whatever is edited meanwhile. Leaked: a test is short.
#[derive(Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) rules: &'static [Vec<Rule>; ACCOUNTS],
    limits: &'static [Vec<tollgate_core::limits::rule::Limit>; ACCOUNTS],
    pub(crate) zones: &'static [Zone],
}

pub(crate) struct World {
    store: BTreeMap<usize, (Vec<u8>, u32)>,
    next_cas: u32,
    vms: Vms,
    workers: Vec<Worker>,
    accounts: [reference::Account; ACCOUNTS],
    policy: Policy,
    now: Now,
    next_request: RequestId,
    /// When no worker was in the middle of anything.
    quiet_at: u64,
    pub(crate) seen: Seen,
}

/// How often what is tested has happened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) admitted: usize,
    pub(crate) refused: usize,
    /// Writes that failed because another worker was first.
    pub(crate) conflicts: usize,
    /// Accounts that were given back what was taken, because another refused.
    pub(crate) undone: usize,
    /// Accounts in which what a dead VM held was cleared.
    pub(crate) buried: usize,
    /// Requests for which more was reserved, and limits that this did not fit.
    pub(crate) extended: usize,
    pub(crate) exceeded: usize,
}

impl Seen {
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            admitted: self.admitted + other.admitted,
            refused: self.refused + other.refused,
            conflicts: self.conflicts + other.conflicts,
            undone: self.undone + other.undone,
            buried: self.buried + other.buried,
            extended: self.extended + other.extended,
            exceeded: self.exceeded + other.exceeded,
        }
    }
}

struct Worker {
    vm: Vm,
    vms: &'static Vms,
    beat: u64,
    task: Option<Task>,
    in_flight: Vec<Request>,
}

pub(crate) fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn policy(rules: [Vec<Rule>; ACCOUNTS], zones: &'static [Zone]) -> Policy {
    let limits = rules
        .each_ref()
        .map(|rules| rules.iter().map(|rule| rule.limit.clone()).collect());
    Policy {
        rules: leak(rules),
        limits: leak(limits),
        zones,
    }
}

impl World {
    pub(crate) fn new(
        workers: usize,
        rules: [Vec<Rule>; ACCOUNTS],
        zones: Vec<Zone>,
        now: Now,
    ) -> Self {
        let mut world = Self {
            store: BTreeMap::new(),
            next_cas: 1,
            vms: Vms::default(),
            workers: Vec::new(),
            accounts: Default::default(),
            policy: policy(rules, leak(zones)),
            now,
            next_request: 0,
            quiet_at: now.monotonic,
            seen: Seen::default(),
        };
        for _ in 0..workers {
            let worker = world.join();
            world.workers.push(worker);
        }
        world
    }

    fn join(&mut self) -> Worker {
        let vm = self.beat(None);
        Worker {
            vm,
            vms: leak(self.vms.clone()),
            beat: self.now.monotonic,
            task: None,
            in_flight: Vec::new(),
        }
    }

    fn beat(&mut self, vm: Option<Vm>) -> Vm {
        let bytes = self.vms.encode();
        self.vms = Vms::decode(&bytes, self.now.monotonic).unwrap();
        self.vms.beat(vm).unwrap()
    }

    /// Both clocks go on, never by nothing. No VM is blocked for seconds between two operations:
    /// what it holds under a name that is dead is cleared by whoever comes next, all of it.
    pub(crate) fn pass(&mut self, nanos: u64) {
        if self.now.monotonic + nanos > self.quiet_at + TICK {
            self.finish_tasks();
            self.quiet_at = self.now.monotonic;
        }
        self.now.monotonic += nanos + 1;
        self.now.wall += nanos + 1;
    }

    /// Only the wall clock is set.
    pub(crate) fn set_clock(&mut self, seconds: i64) {
        self.pass(0);
        self.now.wall = self.now.wall.saturating_add_signed(seconds * 1_000_000_000);
    }

    pub(crate) fn edit(&mut self, account: usize, rules: Vec<Rule>) {
        let mut edited = self.policy.rules.clone();
        edited[account] = rules;
        self.policy = policy(edited, self.policy.zones);
    }

    /// The host loses every record. (Between operations: a write of what was read before would
    /// bring it back.)
    pub(crate) fn wipe(&mut self) {
        self.finish_tasks();
        self.store.clear();
        self.pass(0);
        self.accounts.iter_mut().for_each(reference::Account::lose);
    }

    /// A worker's VM traps: its streams end without a callback, another VM takes over.
    pub(crate) fn kill(&mut self, worker: usize) {
        self.workers[worker] = self.join();
    }

    /// A worker that does nothing begins a request, or settles one.
    pub(crate) fn begin(&mut self, worker: usize, key: usize, demand: Demand) {
        if self.workers[worker].task.is_some() {
            return;
        }
        self.pass(0);
        self.tick(worker);
        let accounts = vec![key % 2, 2, 3, 4];
        let terms = self.terms(&accounts);
        let request = Request {
            id: self.next_request,
            policy: self.policy,
            accounts,
            terms,
            reservations: Vec::new(),
        };
        self.next_request += 1;
        let worker = &mut self.workers[worker];
        worker.task = Some(Task::take(request, demand, self.now, worker.vm, worker.vms));
    }

    pub(crate) fn settle(&mut self, worker: usize, which: usize, used: Amounts) {
        if let Some(request) = self.pick(worker, which) {
            self.workers[worker].task = Some(Task::settle(request, used, self.now));
        }
    }

    /// A request that a worker serves needs more than what is reserved for it.
    pub(crate) fn extend(&mut self, worker: usize, which: usize, amounts: Amounts) {
        if let Some(request) = self.pick(worker, which) {
            self.workers[worker].task = Some(Task::extend(request, amounts, self.now));
        }
    }

    /// A request in flight, of a worker that does nothing.
    fn pick(&mut self, worker: usize, which: usize) -> Option<Request> {
        let worker = &mut self.workers[worker];
        if worker.task.is_some() || worker.in_flight.is_empty() {
            return None;
        }
        let index = which % worker.in_flight.len();
        Some(worker.in_flight.swap_remove(index))
    }

    /// One operation of one worker.
    pub(crate) fn step(&mut self, worker: usize) {
        let Some(mut task) = self.workers[worker].task.take() else {
            return;
        };
        match task.next() {
            Some(Operation::Read(index)) => {
                let account = task.account(index);
                task.looked(index, &self.accounts[account]);
                task.read(self.store.get(&account).cloned());
            }
            Some(Operation::Write {
                account: index,
                value,
                cas,
            }) => {
                let account = task.account(index);
                let value = value.to_vec();
                let done = self.write(account, value, cas);
                if done {
                    task.did(index, &mut self.accounts[account], &mut self.seen);
                    self.compare(account);
                }
                task.wrote(done);
            }
            None => {
                let in_flight = task.end(&mut self.seen);
                self.workers[worker].in_flight.extend(in_flight);
                return;
            }
        }
        self.workers[worker].task = Some(task);
    }

    /// Every task is done and every request settled.
    pub(crate) fn finish(&mut self) {
        for worker in 0..self.workers.len() {
            loop {
                self.finish_task(worker);
                if self.workers[worker].in_flight.is_empty() {
                    break;
                }
                self.settle(worker, 0, Amounts::default());
            }
        }
    }

    fn finish_tasks(&mut self) {
        (0..self.workers.len()).for_each(|worker| self.finish_task(worker));
    }

    fn finish_task(&mut self, worker: usize) {
        while self.workers[worker].task.is_some() {
            self.step(worker);
        }
    }

    /// As Envoy's shared data does it.
    fn write(&mut self, account: usize, value: Vec<u8>, cas: u32) -> bool {
        if let Some((_, current)) = self.store.get(&account)
            && *current != cas
        {
            self.seen.conflicts += 1;
            return false;
        }
        self.store.insert(account, (value, self.next_cas));
        self.next_cas += 1;
        true
    }

    /// The record says of each counter what the reference says.
    fn compare(&self, account: usize) {
        let record = Record::decode(&self.store[&account].0).unwrap();
        let reference = &self.accounts[account];
        for (counter, start) in reference.windows() {
            let bucket = record.bucket(counter, start);
            assert_eq!(bucket.used, reference.used(counter, start), "used");
            assert_eq!(bucket.raised, reference.raised(counter, start), "raised");
            assert_eq!(
                record.held(counter, start),
                reference.held(counter, start),
                "held"
            );
        }
        let running = record.held(CounterId::CONCURRENCY, 0);
        assert_eq!(running, reference.running() as u128, "in flight");
        for rule in &self.policy.rules[account] {
            match &rule.limit.bound {
                Bound::Window { raises, .. } => {
                    for raise in raises {
                        let spent = record.bucket(raise.counter, 0).used;
                        assert_eq!(spent, reference.spent_from(raise.counter), "raise");
                    }
                }
                Bound::Rate { rate, .. } => {
                    let counter = rule.limit.bound.counter().unwrap();
                    let left = record.rate_left(rate, counter, self.now.monotonic);
                    assert_eq!(
                        u64::from(left.0),
                        reference.left(rule, self.now.monotonic),
                        "rate"
                    );
                }
                Bound::Concurrency(_) | Bound::Output(_) => {}
            }
        }
    }

    /// As the adapter does: before anything else, and when a second has passed.
    fn tick(&mut self, worker: usize) {
        if self.now.monotonic - self.workers[worker].beat < TICK {
            return;
        }
        let vm = self.beat(Some(self.workers[worker].vm));
        let vms = leak(self.vms.clone());
        let worker = &mut self.workers[worker];
        worker.vm = vm;
        worker.vms = vms;
        worker.beat = self.now.monotonic;
    }

    fn terms(&self, accounts: &[usize]) -> &'static [Terms<'static>] {
        let policy = self.policy;
        let terms = accounts.iter().map(|account| Terms {
            limits: &policy.limits[*account],
            zones: policy.zones,
            leases: None,
        });
        Vec::leak(terms.collect())
    }
}
