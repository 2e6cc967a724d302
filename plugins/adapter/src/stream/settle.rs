//! What an exchange came to: told to the log as soon as it is known, and settled once.

use tollgate_core::concerns::Concerns;
use tollgate_core::exchange::Exchange;
use tollgate_core::settlement::{Ending, Settlement};

use super::Stream;
use crate::accounts::Owner;
use crate::{host, record, vm};

impl Stream {
    /// Where something is held, the log knows it even if this VM does not live to tell.
    pub(super) fn publish_reservation(&mut self) {
        let is_held = self.exchange.as_ref().is_some_and(|e| e.held().is_some());
        if is_held
            && self.concerns.spend
            && let Some(settlement) = self.so_far()
        {
            record::publish_request(&settlement);
            record::publish_reservation(&settlement, &record::next_id());
            self.request_published = true;
        }
    }

    /// Shows the access log its fields as soon as they are known: traces close before the log
    /// callback comes.
    pub(super) fn publish(&mut self) {
        if self.published || !self.is_accountable() {
            return;
        }
        self.close();
        if let Some(settlement) = self.settlement() {
            if !self.request_published {
                record::publish_request(&settlement);
            }
            record::publish_result(&settlement);
            self.publish_charge(&settlement);
            self.published = true;
        }
    }

    fn publish_charge(&self, settlement: &Settlement<'_>) {
        if self.concerns.spend {
            record::publish_charge(settlement);
        }
    }

    /// Accounts for the exchange: once, since it takes it.
    pub(super) fn settle(&mut self) {
        self.publish();
        self.close();
        if let Some(settlement) = self.settlement() {
            if !self.published {
                self.publish_charge(&settlement);
            }
            if self.published && !settlement.is_probe {
                vm::with_metrics(|metrics| metrics.count(&settlement));
            }
            if let Some(exchange) = &self.exchange {
                settle(exchange, &settlement);
            }
        }
        self.exchange = None;
        self.upload = None;
    }

    /// What is charged is decided at the first moment at which all is known.
    pub(super) fn close(&mut self) {
        let exchange = self.exchange.as_mut();
        if let Some(exchange) = exchange.filter(|exchange| exchange.is_to_be_charged()) {
            let ending = ending(exchange);
            vm::with_learning(|learning| exchange.close(ending, host::monotonic(), learning));
        }
    }

    /// Whether this module accounts for the exchange. In a chain that is the module that answered,
    /// else the one that meters.
    pub(super) fn is_accountable(&self) -> bool {
        let answered = self
            .exchange
            .as_ref()
            .is_some_and(Exchange::is_answered_here);
        let others_may_have = self.concerns != Concerns::GATEWAY;
        answered
            || (self.concerns.meter
                && !(others_may_have && host::property(&[record::OUTCOME]).is_some()))
    }

    /// What is known while the exchange goes on.
    pub(super) fn so_far(&self) -> Option<Settlement<'_>> {
        let exchange = self.exchange.as_ref()?;
        Some(exchange.settlement(Ending::default(), host::monotonic()))
    }

    fn settlement(&self) -> Option<Settlement<'_>> {
        let exchange = self.exchange.as_ref()?;
        let ending = match exchange.is_open() {
            true => ending(exchange),
            false => Ending::default(),
        };
        Some(exchange.settlement(ending, host::monotonic()))
    }
}

/// How the stream ended, as far as the host knows.
fn ending(exchange: &Exchange) -> Ending {
    let is_served = exchange.is_served();
    if is_served && !exchange.is_open() {
        return Ending::default();
    }
    let ending = host::ending();
    Ending {
        never_sent: ending.never_sent || !(is_served || host::has_reached_upstream()),
        ..ending
    }
}

/// Whose what is held for an exchange is.
pub(super) fn owner(exchange: &Exchange) -> Option<Owner> {
    let (model, _) = exchange.held()?;
    Some(Owner {
        policy: exchange.policy(),
        key: exchange.key_id(),
        model,
    })
}

/// Settles with the accounts, and learns.
fn settle(exchange: &Exchange, settlement: &Settlement<'_>) {
    let Some(bill) = &settlement.bill else {
        return;
    };
    if let Some((owner, (_, reservations))) = owner(exchange).zip(exchange.held()) {
        vm::settle(&owner, reservations, bill.used, host::clocks());
    }
    if let (Some(seen), Some(model)) = (exchange.observe(settlement), settlement.model) {
        let organization = settlement.tenant.map(|tenant| tenant.organization);
        vm::with_learning(|learning| learning.observe(model, organization, seen));
    }
}
