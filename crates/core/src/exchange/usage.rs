//! How a key stands with its limits, for whoever holds it.

use serde_json::{Map, Value, json};

use super::Exchange;
use crate::limits::calendar::rfc3339;
use crate::limits::counter::CounterId;
use crate::limits::record::Record;
use crate::limits::reservation;
use crate::limits::rule::{Bound, Limit, Mode};
use crate::limits::shared::Found;
use crate::limits::standing::{self, Standing};
use crate::limits::time::{Now, SECOND};
use crate::policy::Account;
use crate::refusal::{Refusal, Unit};
use crate::reply::Reply;

impl Exchange {
    /// The accounts whose records [`Exchange::usage`] needs.
    pub fn usage_accounts(&self) -> Vec<Account<'_>> {
        self.policy.accounts(self.key, None)
    }

    /// The answer to a key that asks how it stands; `found` are its accounts' records.
    pub fn usage(&mut self, found: Vec<Found>, now: Now) -> Reply {
        match self.standings(found, now) {
            Ok(body) => {
                self.notes.answer_locally();
                Reply::ok(&body)
            }
            Err(refusal) => self.refuse(&refusal),
        }
    }

    fn standings(&self, found: Vec<Found>, now: Now) -> Result<Value, Refusal> {
        let tenant = self.key.and_then(|key| self.policy.tenant(key));
        let tenant = tenant.ok_or(Refusal::Internal("a key without a name"))?;
        let mut accounts = Vec::new();
        for (account, found) in self.usage_accounts().iter().zip(found) {
            let record = found.map(|(value, _)| Record::decode(&value));
            let record = record.transpose().map_err(|_| Refusal::StateUnavailable {
                account: Some(account.name.to_string()),
            })?;
            accounts.push(of_account(account, record, now));
        }
        Ok(json!({
            "object": "usage",
            "policy": self.policy.version(),
            "organization": tenant.organization,
            "team": tenant.team,
            "key": tenant.key,
            "accounts": accounts,
        }))
    }
}

fn of_account(account: &Account<'_>, record: Option<Record>, now: Now) -> Value {
    let since = record.as_ref().map(|record| rfc3339(record.epoch / SECOND));
    let mut record = record.unwrap_or_default();
    let terms = account.terms;
    reservation::follow_edits(&mut record, terms.limits);
    let limits = standing::all(&record, terms, now).filter_map(|standing| {
        let limit = terms.limits.get(standing.limit)?;
        Some(of_limit(limit, &standing, now))
    });
    json!({
        "account": account.name.to_string(),
        "counted_since": since,
        "in_flight": number(record.held(CounterId::CONCURRENCY, 0)),
        "limits": limits.collect::<Vec<_>>(),
    })
}

fn of_limit(limit: &Limit, standing: &Standing, now: Now) -> Value {
    let unit = Unit::of_bound(&limit.bound);
    let mut facts = Map::new();
    let mut note = |name: &str, value: Value| facts.insert(name.to_owned(), value);
    note("rule", (*limit.rule).into());
    note("unit", unit.name().into());
    note("period", limit.bound.span().name().into());
    note(
        "mode",
        match limit.mode {
            Mode::Enforce => "enforce",
            Mode::Shadow => "shadow",
            Mode::Soft => "soft",
        }
        .into(),
    );
    if !limit.hides_amounts {
        note("amount", unit.value(limit.bound.amount()));
        if let Bound::Rate { rate, .. } = &limit.bound {
            note("burst", rate.burst().into());
        }
        note("left", unit.value(standing.left));
        note("held", unit.value(standing.held));
    }
    let resets = standing
        .resets
        .map(|nanos| rfc3339(now.second_after(nanos)));
    let is_counted = !matches!(limit.bound, Bound::Concurrency(_));
    note("resets_at", resets.filter(|_| is_counted).into());
    Value::Object(facts)
}

fn number(amount: u128) -> Value {
    u64::try_from(amount).unwrap_or(u64::MAX).into()
}
