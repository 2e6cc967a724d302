//! Whose request this is. Two credentials are common (SDKs send `x-api-key` and `authorization`
//! together), so the one that the policy knows counts.

use std::net::IpAddr;

use crate::headers::Headers;
use crate::policy::{KeyId, Policy};
use crate::refusal::{CredentialFault, Refusal, first_digits};
use crate::secret;

/// Headers that carry a credential; all are removed before the request is forwarded.
pub const HEADERS: [&str; 3] = ["authorization", "x-api-key", "api-key"];

/// Asks for the client's address. Few keys care for it, and asking the host takes time.
pub type AskSource<'a> = &'a dyn Fn() -> Option<IpAddr>;

/// Finds the one active key that the request carries.
///
/// `source` is asked only for a key that is bound to addresses; `now` is in Unix seconds.
///
/// # Errors
/// 401 with the precise fault, or 400 for several keys.
pub fn authenticate(
    policy: &Policy,
    headers: Headers<'_>,
    source: AskSource<'_>,
    now: u64,
) -> Result<KeyId, Refusal> {
    let mut known: Option<KeyId> = None;
    let mut fault = CredentialFault::Missing;
    for credential in credentials(headers) {
        match find(policy, credential?) {
            Ok(key) if known.is_some_and(|other| other != key) => {
                return Err(Refusal::ConflictingCredentials("two different API keys"));
            }
            Ok(key) => known = Some(key),
            Err(found) => fault = found,
        }
    }
    let key = known.ok_or(Refusal::Unauthenticated(fault))?;
    check(policy, key, source, now).map_err(Refusal::Unauthenticated)?;
    Ok(key)
}

/// Every non-empty credential; `None` stands for an authorization that is not a bearer token.
fn credentials(headers: Headers<'_>) -> impl Iterator<Item = Result<Option<&[u8]>, Refusal>> {
    let entries = headers
        .0
        .iter()
        .filter(|(name, _)| HEADERS.contains(&name.as_str()));
    let values = entries.map(|(name, value)| (name, value.trim_ascii()));
    values
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| {
            let secret = if name == "authorization" {
                bearer(value)
            } else {
                Some(value)
            };
            // Envoy joins repeated headers by commas; no credential that we take contains one.
            if value.contains(&b',') {
                return Err(Refusal::ConflictingCredentials(
                    "several API keys joined by a comma",
                ));
            }
            Ok(secret)
        })
}

/// The token of `Bearer <token>`, the scheme in any case (RFC 6750, RFC 9110 §11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked("bearer".len())?;
    let token = rest.trim_ascii_start();
    let separated = token.len() < rest.len() && !token.is_empty();
    (scheme.eq_ignore_ascii_case(b"bearer") && separated).then_some(token)
}

fn find(policy: &Policy, secret: Option<&[u8]>) -> Result<KeyId, CredentialFault> {
    let secret = secret.ok_or(CredentialFault::Malformed)?;
    let hash = secret::hash(secret);
    policy.key_by_hash(&hash).ok_or_else(|| {
        if secret::is_damaged(secret) {
            CredentialFault::Damaged(first_digits(&hash))
        } else {
            CredentialFault::unknown(&hash)
        }
    })
}

fn check(
    policy: &Policy,
    key: KeyId,
    source: AskSource<'_>,
    now: u64,
) -> Result<(), CredentialFault> {
    let Some(restrictions) = policy.restrictions(key) else {
        return Ok(());
    };
    if restrictions.disabled {
        return Err(CredentialFault::Disabled);
    }
    if restrictions.expires.is_some_and(|expires| now >= expires) {
        return Err(CredentialFault::Expired);
    }
    let cidrs = &restrictions.cidrs;
    let inside = |source: IpAddr| cidrs.iter().any(|net| net.contains(&source.to_canonical()));
    if !cidrs.is_empty() && !source().is_some_and(inside) {
        return Err(CredentialFault::SourceNotAllowed);
    }
    Ok(())
}
