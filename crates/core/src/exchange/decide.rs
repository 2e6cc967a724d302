//! The decisions of an exchange's request phases: who asks for what, and where it goes.

use super::{Exchange, Forward, RequestHead, Step};
use crate::api::{self, Endpoint};
use crate::credential::{self, AskSource};
use crate::headers::Headers;
use crate::models;
use crate::path;
use crate::policy::{KeyId, Policy};
use crate::refusal::{CredentialFault, Refusal};
use crate::reply::Reply;
use crate::request::Route;

/// What counts of a header that keeps a conversation on one target, in bytes.
const LONGEST_STICKY: usize = 256;

impl Exchange {
    pub(super) fn decide_by_headers(
        &mut self,
        head: RequestHead<'_>,
        source: AskSource<'_>,
        path: &[u8],
    ) -> Result<Step, Refusal> {
        let method = head.headers.first(":method").unwrap_or_default();
        let endpoint = api::classify(method, path, self.policy.usage_path())?;
        if endpoint == Endpoint::Readiness {
            return Ok(Step::Reply(self.readiness()));
        }
        self.key = self.authenticate(head, source)?;
        self.notes.model = head.earlier.model.map(Into::into);
        match endpoint {
            Endpoint::Inference(api) => {
                self.api = Some(api);
                check_content(head.headers)?;
                if head.end_of_stream {
                    return Err(Refusal::MissingBody);
                }
                if self.concerns.reads_bodies() {
                    self.sticky = self.sticky(head.headers);
                    let remove = self.removals(head.headers);
                    return Ok(Step::AwaitBody { remove });
                }
            }
            Endpoint::ListModels if self.concerns.route => {
                let query = path::query(path);
                return models::list(&self.policy, self.key, self.dialect, query).map(Step::Reply);
            }
            Endpoint::RetrieveModel(id) if self.concerns.route => {
                let reply = models::retrieve(&self.policy, self.key, self.dialect, &id);
                return reply.map(Step::Reply);
            }
            Endpoint::Usage if self.concerns.reserves() => return Ok(Step::ReadAccounts),
            _ => {}
        }
        let remove = self.removals(head.headers);
        self.notes.forward(head.now.monotonic);
        Ok(Step::Forward(Forward {
            remove,
            ..Forward::default()
        }))
    }

    fn authenticate(
        &self,
        head: RequestHead<'_>,
        source: AskSource<'_>,
    ) -> Result<Option<KeyId>, Refusal> {
        if self.concerns.authenticate {
            let now = head.now.seconds();
            return credential::authenticate(&self.policy, head.headers, source, now).map(Some);
        }
        // A key that the module before knew and this one does not: policies are being exchanged.
        let Some(hash) = head.earlier.key else {
            return Ok(None);
        };
        let key = self.policy.key_by_hash(&hash);
        let unknown = || Refusal::Unauthenticated(CredentialFault::unknown(&hash));
        key.map(Some).ok_or_else(unknown)
    }

    fn readiness(&mut self) -> Reply {
        self.notes.is_probe = true;
        Reply::ok(&serde_json::json!({"status": "ready", "policy": self.policy.version()}))
    }

    /// What is kept of the headers while the body arrives: a client can make them large for little,
    /// and many requests may wait for their bodies.
    fn sticky(&self, headers: Headers<'_>) -> Vec<(String, Vec<u8>)> {
        let names = self.policy.sticky_headers().iter();
        let given = names.filter_map(|name| Some((name, headers.first(name)?)));
        given
            .map(|(name, value)| {
                let value = value.get(..LONGEST_STICKY).unwrap_or(value);
                (name.to_string(), value.to_vec())
            })
            .collect()
    }

    /// Headers that say where the request goes and whose it is.
    pub(super) fn hints(&self, policy: &Policy, route: Route<'_>) -> Vec<(&'static str, String)> {
        let mut hints = vec![
            ("x-tollgate-cluster", route.target.cluster.to_string()),
            ("x-gateway-model-name", route.target.model.to_string()),
        ];
        if let Some(objective) = &route.model.objective {
            hints.push(("x-gateway-inference-objective", objective.to_string()));
        }
        if let Some(tenant) = self.key.and_then(|key| policy.tenant(key)) {
            let id = format!("{}/{}", tenant.organization, tenant.team);
            hints.push(("x-gateway-inference-fairness-id", id));
        }
        hints
    }

    /// Headers that must not reach the upstream: ours, which no client may set; credentials; and
    /// what would make the answer unreadable.
    pub(super) fn removals(&self, headers: Headers<'_>) -> Vec<String> {
        let ours = |name: &str| name.starts_with("x-tollgate-") || name.starts_with("x-gateway-");
        let concerns = self.concerns;
        let unwanted = move |name: &str| {
            ((concerns.authenticate || concerns.route) && ours(name))
                || (concerns.authenticate && credential::HEADERS.contains(&name))
                || (concerns.reads_answers() && name == "accept-encoding")
        };
        let mut names: Vec<String> = headers
            .names()
            .filter(|name| unwanted(name))
            .map(str::to_owned)
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// JSON in UTF-8 and nothing else: absent, `application/json` or `application/*+json`,
/// uncompressed. gRPC is no JSON, whatever it carries.
fn check_content(headers: Headers<'_>) -> Result<(), Refusal> {
    for given in headers.all("content-type") {
        let lower = given.to_ascii_lowercase();
        let mut parts = lower.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let essence = parts.next().unwrap_or_default();
        let subtype = essence.strip_prefix(b"application/").unwrap_or_default();
        let is_json = essence.is_empty()
            || subtype == b"json"
            || (subtype.ends_with(b"+json") && !subtype.starts_with(b"grpc"));
        let charset = parts.find_map(|parameter| parameter.strip_prefix(b"charset="));
        let is_utf8 = charset.is_none_or(|charset| {
            matches!(charset, b"utf-8" | b"\"utf-8\"" | b"utf8" | b"us-ascii")
        });
        if !is_json || !is_utf8 {
            let given = crate::text::printable(given);
            return Err(Refusal::UnsupportedContentType { given });
        }
    }
    match headers.first("content-encoding") {
        Some(given) if !given.eq_ignore_ascii_case(b"identity") => {
            let given = crate::text::printable(given);
            Err(Refusal::UnsupportedContentEncoding { given })
        }
        _ => Ok(()),
    }
}
