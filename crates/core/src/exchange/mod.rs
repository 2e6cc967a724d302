//! A request and its answer, from the first header to the log: the phases, in order.
//!
//! [`Exchange::request_headers`] → [`Exchange::request_body`] (once, with the whole body) →
//! [`Exchange::admit`] (with what the accounts said) → [`Exchange::response_headers`] →
//! [`Exchange::response_body`]… → [`Exchange::close`] → [`Exchange::settlement`] (once, however the
//! exchange ended).

mod admit;
mod announce;
mod bill;
mod decide;
mod messages;
mod metering;
mod overrun;
mod picker;
mod plan;
mod refusal_cache;
mod usage;
mod waking;

use std::num::NonZeroU32;
use std::rc::Rc;

use crate::api::{self, Api, Dialect};
use crate::concerns::Concerns;
use crate::credential::AskSource;
use crate::headers::Headers;
use crate::limits::learning::{Learning, Observation};
use crate::limits::standing::Standing;
use crate::limits::taken::Taken;
use crate::limits::time::{Monotonic, Now};
use crate::policy::{KeyId, Policy};
use crate::refusal::Refusal;
use crate::reply::{NO_REQUEST_ID, Reply};
use crate::response::Meter;
use crate::secret::Hash;
use crate::settlement::{Ending, Notes, Settlement};

pub use self::admit::Admission;
use self::admit::Held;
pub use self::bill::{Basis, Bill};
pub use self::messages::{Earlier, Forward, Hold, RequestHead, ResponseEdits, ResponseHead, Step};
use self::overrun::Cut;
pub use self::picker::DROPPED_REASON;
pub use self::plan::Plan;
pub use self::refusal_cache::RefusalCache;
pub use self::waking::{DECISIVE, HeldAnswer};

/// One request and its answer.
#[derive(Debug)]
pub struct Exchange {
    policy: Rc<Policy>,
    concerns: Concerns,
    dialect: Dialect,
    request_id: String,
    key: Option<KeyId>,
    api: Option<Api>,
    /// The client did not ask for the usage event that we make the server send.
    takes_out_usage: bool,
    /// Seconds that a server of the target takes to start, where none may be awake.
    cold_start: Option<NonZeroU32>,
    /// Those headers that routing may look at.
    sticky: Vec<(String, Vec<u8>)>,
    meter: Option<Meter>,
    /// What an endpoint picker may have answered.
    refusal: picker::RefusalText,
    notes: Notes,
    /// How limits stood when it was decided, with the place of their account.
    standings: Vec<(usize, Standing)>,
    /// Rules that would have refused it, and do not refuse.
    passed_over: Vec<String>,
    held: Option<Held>,
    cut: Cut,
    bill: Option<Bill>,
}

impl Exchange {
    /// Begins an exchange under the policy of this moment.
    pub fn new(policy: Rc<Policy>, concerns: Concerns) -> Self {
        Self {
            policy,
            concerns,
            dialect: Dialect::default(),
            request_id: String::new(),
            key: None,
            api: None,
            takes_out_usage: false,
            cold_start: None,
            sticky: Vec::new(),
            meter: None,
            refusal: picker::RefusalText::default(),
            notes: Notes::default(),
            standings: Vec::new(),
            passed_over: Vec::new(),
            held: None,
            cut: Cut::default(),
            bill: None,
        }
    }

    /// The hash of the key that the request belongs to, once it is known.
    pub fn key(&self) -> Option<Hash> {
        self.key.and_then(|key| self.policy.hash(key))
    }

    /// The same, as the policy that the exchange began under knows it.
    pub fn key_id(&self) -> Option<KeyId> {
        self.key
    }

    /// The policy that it began under.
    pub fn policy(&self) -> Rc<Policy> {
        Rc::clone(&self.policy)
    }

    /// Whether this module itself answered, be it a refusal.
    pub fn is_answered_here(&self) -> bool {
        self.notes.is_answered_here()
    }

    /// Whether the answer is not complete.
    pub fn is_open(&self) -> bool {
        self.notes.is_open()
    }

    /// Whether the answer's body has to be read.
    pub fn reads_answer(&self) -> bool {
        self.meter.is_some() || self.refusal.is_awaited()
    }

    /// Phase 1: who asks for what. `source` is asked for the client's address if the key is bound to
    /// some.
    pub fn request_headers(&mut self, head: RequestHead<'_>, source: AskSource<'_>) -> Step {
        self.notes.began = head.now.monotonic;
        let path = head.headers.first(":path").unwrap_or_default();
        self.dialect = api::dialect(path, head.headers.first("anthropic-version").is_some());
        self.request_id = head
            .headers
            .text("x-request-id")
            .unwrap_or(NO_REQUEST_ID)
            .to_owned();
        match self.decide_by_headers(head, source, path) {
            Ok(step) => {
                if matches!(step, Step::Reply(_)) {
                    self.notes.answer_locally();
                }
                step
            }
            Err(refusal) => Step::Reply(self.refuse(&refusal)),
        }
    }

    /// Phase 2: what it means and where it would go, or the refusal.
    ///
    /// # Errors
    /// The answer to send instead.
    pub fn request_body<'b>(
        &mut self,
        body: &'b [u8],
        now: Now,
        learning: &Learning,
    ) -> Result<Plan<'b>, Reply> {
        self.plan_by_body(body, now, learning)
            .map_err(|refusal| self.refuse(&refusal))
    }

    /// Phase 3: whether it goes there, by what was taken from its accounts.
    ///
    /// # Errors
    /// The answer to send instead.
    pub fn admit<'b>(
        &mut self,
        plan: Plan<'b>,
        taken: Taken,
        now: Now,
        learning: &Learning,
    ) -> Result<Admission<'b>, Reply> {
        self.admit_taken(plan, taken, now, learning)
            .map_err(|refusal| {
                let told = announce::limits(&self.standings, 0);
                self.refuse(&refusal).with(told)
            })
    }

    /// Trailers that must not reach the upstream, by name: the same as among headers.
    pub fn request_trailers(&self, trailers: Headers<'_>) -> Vec<String> {
        self.removals(trailers)
    }

    /// A refusal that was found outside of the phases (uploads in flight).
    pub fn refuse(&mut self, refusal: &Refusal) -> Reply {
        self.notes.refuse(refusal);
        Reply::refusal(refusal, self.dialect, &self.request_id)
    }

    /// Phase 4: whether and how the answer is metered, and what of its headers changes.
    pub fn response_headers(&mut self, head: ResponseHead<'_>) -> ResponseEdits {
        ResponseEdits {
            drops_length: self.meter_answer(head),
            hold: self.hold(head),
            set: self.announcements(head.now),
        }
    }

    fn hold(&self, head: ResponseHead<'_>) -> Option<Hold> {
        if self.tells_cost(head) {
            return Some(Hold::Cost);
        }
        self.may_be_waking(head).then_some(Hold::Waking)
    }

    /// Whether the first content is yet to come: only till then does [`Exchange::response_body`]
    /// look at the time.
    pub fn awaits_first_token(&self) -> bool {
        self.notes.awaits_first_token()
    }

    /// Phase 5: a piece of the answer, empty where it is not read. `None`: it passes as it is; else
    /// what passes instead.
    pub fn response_body(
        &mut self,
        chunk: &[u8],
        end_of_stream: bool,
        now: Monotonic,
    ) -> Option<Vec<u8>> {
        self.notes.answer_goes_on(end_of_stream);
        if self.refusal.push(chunk) {
            self.notes.reject();
        }
        self.meter_piece(chunk, end_of_stream, now)
    }

    /// The answer ends with trailers. A piece that was held back can't pass any more: it is part of
    /// an event that never ended, which no client reads.
    pub fn response_trailers(&mut self, now: Monotonic) {
        self.response_body(&[], true, now);
    }

    /// Whether the upstream has begun to answer as asked.
    pub fn is_served(&self) -> bool {
        self.notes.is_success()
    }

    /// Whether it is yet to be said what the exchange is charged.
    pub fn is_to_be_charged(&self) -> bool {
        self.held.is_some() && self.bill.is_none()
    }

    /// Phase 6: what it is charged; the first call counts.
    pub fn close(&mut self, ending: Ending, now: Monotonic, learning: &Learning) {
        if self.bill.is_none() {
            let worked_ms = self.notes.worked_ms(now);
            let model = self.notes.model.as_deref().unwrap_or_default();
            let learned = learning.of(model, self.organization());
            self.bill = self.bill(ending, worked_ms, &learned);
        }
    }

    /// Phase 7: what it came to, for the log, the metrics and the accounts.
    pub fn settlement(&self, ending: Ending, now: Monotonic) -> Settlement<'_> {
        let metered = self.meter.as_ref().map(Meter::metered);
        Settlement::new(
            &self.policy,
            &self.notes,
            self.identity(),
            metered.unwrap_or_default(),
            self.charge(),
            ending,
            now,
        )
    }

    /// What a settled exchange shows of its model.
    pub fn observe(&self, settlement: &Settlement<'_>) -> Option<Observation> {
        self.observation(settlement.bill.as_ref()?)
    }

    fn organization(&self) -> Option<&str> {
        let tenant = self.policy.tenant(self.key?)?;
        Some(tenant.organization)
    }

    fn identity(&self) -> crate::settlement::Identity<'_> {
        crate::settlement::Identity {
            tenant: self.key.and_then(|key| self.policy.tenant(key)),
            api: self.api,
            dialect: self.dialect,
        }
    }
}
