//! `GET /v1/models` and `/v1/models/{id}`, answered from the models that a key may use.

use serde_json::{Value, json};

use crate::api::Dialect;
use crate::path;
use crate::policy::{KeyId, Model, Policy};
use crate::refusal::Refusal;
use crate::reply::Reply;

/// Anthropic's page sizes (API reference, "List Models").
const DEFAULT_PAGE: usize = 20;
const LARGEST_PAGE: usize = 1000;

/// The whole list (OpenAI) or the page that `query` asks for (Anthropic).
///
/// # Errors
/// 400 for a page that can't be given.
pub fn list(
    policy: &Policy,
    key: Option<KeyId>,
    dialect: Dialect,
    query: Option<&[u8]>,
) -> Result<Reply, Refusal> {
    let models: Vec<&Model> = usable(policy, key).collect();
    let body = match dialect {
        Dialect::OpenAi => {
            let data: Vec<Value> = models.into_iter().map(openai).collect();
            json!({"object": "list", "data": data})
        }
        Dialect::Anthropic => Page::parse(query)?.of(&models)?,
    };
    Ok(Reply::ok(&body))
}

/// One model, by name or alias, under the name that was asked for.
///
/// # Errors
/// 404: it does not exist or is not this key's to use (the list shows neither).
pub fn retrieve(
    policy: &Policy,
    key: Option<KeyId>,
    dialect: Dialect,
    id: &str,
) -> Result<Reply, Refusal> {
    let found = policy.model_by_name(id);
    let found = found.filter(|&model| key.is_none_or(|key| policy.may_use(key, model)));
    let Some(model) = found.and_then(|model| policy.model(model)) else {
        return Err(Refusal::ModelNotFound {
            model: crate::text::printable(id.as_bytes()),
        });
    };
    let mut body = match dialect {
        Dialect::OpenAi => openai(model),
        Dialect::Anthropic => anthropic(model),
    };
    if let Some(shown) = body.get_mut("id") {
        *shown = Value::from(id);
    }
    Ok(Reply::ok(&body))
}

fn usable(policy: &Policy, key: Option<KeyId>) -> impl Iterator<Item = &Model> {
    policy
        .models()
        .filter(move |&(id, _)| key.is_none_or(|key| policy.may_use(key, id)))
        .map(|(_, model)| model)
}

fn openai(model: &Model) -> Value {
    json!({
        "id": model.name,
        "object": "model",
        "created": model.created,
        "owned_by": owner(model),
        "max_model_len": model.context,
        "max_output_tokens": model.max_output,
    })
}

fn anthropic(model: &Model) -> Value {
    json!({
        "type": "model",
        "id": model.name,
        "display_name": model.name,
        "created_at": rfc3339(model.created),
        "max_input_tokens": model.context,
        "max_tokens": model.max_output,
    })
}

fn owner(model: &Model) -> &str {
    model.owned_by.as_deref().unwrap_or("tollgate")
}

/// A page of Anthropic's list: up to `limit` models after or before a cursor.
#[derive(Default)]
struct Page {
    limit: Option<usize>,
    after: Option<String>,
    before: Option<String>,
}

impl Page {
    fn parse(query: Option<&[u8]>) -> Result<Self, Refusal> {
        let mut page = Self::default();
        let query = std::str::from_utf8(query.unwrap_or_default())
            .map_err(|_| invalid("query", "must be UTF-8"))?;
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let text = || path::percent_decode(value).ok_or_else(|| invalid(name, "is malformed"));
            match name {
                "limit" => {
                    let limit = value
                        .parse()
                        .ok()
                        .filter(|limit| (1..=LARGEST_PAGE).contains(limit));
                    page.limit = Some(limit.ok_or_else(|| invalid(name, "must be 1 to 1000"))?);
                }
                "after_id" => page.after = Some(text()?),
                "before_id" => page.before = Some(text()?),
                _ => {}
            }
        }
        if page.after.is_some() && page.before.is_some() {
            return Err(invalid("before_id", "can't be combined with 'after_id'"));
        }
        Ok(page)
    }

    fn of(&self, models: &[&Model]) -> Result<Value, Refusal> {
        let limit = self.limit.unwrap_or(DEFAULT_PAGE);
        let (page, has_more) = if let Some(before) = &self.before {
            let (earlier, _) = models
                .split_at_checked(find(models, "before_id", before)?)
                .unwrap_or_default();
            let skipped = earlier.len().saturating_sub(limit);
            (earlier.get(skipped..).unwrap_or_default(), skipped > 0)
        } else {
            let start = match &self.after {
                Some(after) => find(models, "after_id", after)?.saturating_add(1),
                None => 0,
            };
            let later = models.get(start..).unwrap_or_default();
            (later.get(..limit).unwrap_or(later), later.len() > limit)
        };
        let data: Vec<Value> = page.iter().map(|model| anthropic(model)).collect();
        let id = |model: Option<&&Model>| model.map(|model| model.name.clone());
        Ok(json!({
            "data": data,
            "has_more": has_more,
            "first_id": id(page.first()),
            "last_id": id(page.last()),
        }))
    }
}

fn find(models: &[&Model], field: &str, id: &str) -> Result<usize, Refusal> {
    let position = models.iter().position(|model| *model.name == *id);
    position.ok_or_else(|| invalid(field, "names no model of this list"))
}

fn invalid(field: &str, problem: &str) -> Refusal {
    let field = crate::text::printable(field.as_bytes());
    Refusal::InvalidField {
        field,
        problem: problem.to_owned(),
    }
}

/// Unix seconds as `YYYY-MM-DDThh:mm:ssZ` (proleptic Gregorian, days counted from 1 March of
/// year 0 so that leap days come last; 146,097 days in 400 years).
fn rfc3339(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let leap_days = (day_of_era / 1_460)
        .saturating_sub(day_of_era / 36_524)
        .saturating_add(day_of_era / 146_096);
    let year_of_era = day_of_era.saturating_sub(leap_days) / 365;
    let before_year = year_of_era
        .saturating_mul(365)
        .saturating_add(year_of_era / 4)
        .saturating_sub(year_of_era / 100);
    let day_of_year = day_of_era.saturating_sub(before_year);
    let shifted_month = day_of_year.saturating_mul(5).saturating_add(2) / 153;
    let before_month = shifted_month.saturating_mul(153).saturating_add(2) / 5;
    let day = day_of_year.saturating_sub(before_month).saturating_add(1);
    let month = if shifted_month < 10 {
        shifted_month.saturating_add(3)
    } else {
        shifted_month.saturating_sub(9)
    };
    let year = era
        .saturating_mul(400)
        .saturating_add(year_of_era)
        .saturating_add(u64::from(month <= 2));
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z",
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_564_800, "2026-11-25T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
        }
    }
}
