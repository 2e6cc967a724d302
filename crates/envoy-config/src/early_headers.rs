//! Headers that are the gateway's to set: a caller's are removed before anything reads them.

use crate::options::Options;
use crate::place::Place;
use serde_json::{Value, json};

/// What the module tells Envoy, and what it tells upstreams.
const PREFIXES: [&str; 2] = ["x-tollgate-", "x-gateway-"];

/// By which a platform's parts tell each other who signed in: oauth2-proxy's, which applications
/// behind it believe.
const IDENTITY_PREFIXES: [&str; 1] = ["x-auth-request-"];
const IDENTITY: [&str; 5] = [
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-forwarded-access-token",
];

/// By which an application says who its user is.
const USER_PREFIX: &str = "x-openwebui-";

/// With which the caller of a gateway at the edge could hide its spans (`traceparent: 00-…-00`:
/// not sampled), or put them into somebody else's trace.
pub(crate) const TRACE: [&str; 2] = ["traceparent", "tracestate"];

/// Who reaches a listener, and so whose word its headers are.
#[derive(Clone, Copy)]
pub(crate) enum Callers {
    /// Whoever reaches this Envoy. What else they may say is their operator's business.
    Clients,
    /// Everyone: nobody's word about who is signed in is taken.
    Public,
    /// Applications of the platform: they may say who their user is.
    Applications,
}

/// For the connection manager's `early_header_mutation_extensions`, which run before the trace
/// begins, the route is chosen, and the first filter runs.
///
/// The module removes its headers as well: this is for filters before it, and for the day on
/// which something is wrong with the module, or with its place.
pub(crate) fn removal(callers: Callers, options: &Options) -> Value {
    let (prefixes, names) = claims(callers);
    let prefixed = (PREFIXES.into_iter().chain(prefixes))
        .map(|prefix| json!({ "remove_on_match": { "key_matcher": { "prefix": prefix } } }));
    let traced = TRACE.into_iter().filter(|_| options.otlp.is_some());
    let named = (names.into_iter().chain(traced)).map(|header| json!({ "remove": header }));
    json!([{
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": prefixed.chain(named).collect::<Vec<_>>(),
        },
    }])
}

/// Headers about identity that these callers have no say in: by prefix, and by name.
fn claims(callers: Callers) -> (Vec<&'static str>, Vec<&'static str>) {
    match callers {
        Callers::Clients => (Vec::new(), Vec::new()),
        Callers::Public => (
            [&IDENTITY_PREFIXES[..], &[USER_PREFIX]].concat(),
            IDENTITY.to_vec(),
        ),
        Callers::Applications => (IDENTITY_PREFIXES.to_vec(), IDENTITY.to_vec()),
    }
}

/// Whether a value of `early_header_mutation_extensions` removes what the module sets.
pub(crate) fn removes_ours(extensions: &Place<'_>) -> bool {
    let mutations = mutations(extensions);
    let removes = |prefix: &str| mutations.iter().any(|it| removes_prefix(it, prefix));
    PREFIXES.into_iter().all(removes)
}

/// Whether such a value removes a client's trace.
pub(crate) fn removes_trace(extensions: &Place<'_>) -> bool {
    let mutations = mutations(extensions);
    let removes = |header: &str| {
        let named = |it: &Place<'_>| it.field("remove").text().eq_ignore_ascii_case(header);
        (mutations.iter()).any(|it| named(it) || removes_prefix(it, header))
    };
    TRACE.into_iter().all(removes)
}

fn mutations<'a>(extensions: &Place<'a>) -> Vec<Place<'a>> {
    let configs = (extensions.items().into_iter()).map(|it| it.field("typed_config"));
    configs
        .filter(|config| config.is_a("header_mutation.v3.HeaderMutation"))
        .flat_map(|config| config.list("mutations"))
        .collect()
}

/// Whether whatever begins so is removed: by this prefix, or by a shorter one.
fn removes_prefix(mutation: &Place<'_>, prefix: &str) -> bool {
    let matcher = mutation.field("remove_on_match.key_matcher");
    let removed = matcher.field("prefix").text();
    // Envoy compares with names in lower case.
    let removed = match matcher.field("ignore_case").is_set() {
        true => removed.to_ascii_lowercase(),
        false => removed.to_owned(),
    };
    !removed.is_empty() && prefix.starts_with(&removed)
}
