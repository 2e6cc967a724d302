//! Which API a request means. Everything that is not named here is refused: what can't be
//! metered does not get through.

use crate::path;
use crate::refusal::Refusal;

/// An inference API that is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Api {
    /// OpenAI `POST /v1/chat/completions`.
    ChatCompletions,
    /// OpenAI `POST /v1/completions`.
    Completions,
    /// OpenAI `POST /v1/embeddings`.
    Embeddings,
    /// OpenAI `POST /v1/responses`.
    Responses,
    /// Anthropic `POST /v1/messages`.
    Messages,
    /// Anthropic `POST /v1/messages/count_tokens`.
    CountTokens,
    /// vLLM `POST /v1/rerank`.
    Rerank,
    /// vLLM `POST /v1/score`.
    Score,
}

/// Whose error and list shapes the client expects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Dialect {
    #[default]
    OpenAi,
    Anthropic,
}

/// What a method and path ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Forward to a model.
    Inference(Api),
    /// `GET /v1/models`, answered from the policy.
    ListModels,
    /// `GET /v1/models/{id}`, answered from the policy; the id is percent-decoded.
    RetrieveModel(String),
    /// `GET /readyz`: the module is up and has a policy.
    Readiness,
    /// `GET /v1/usage` or where the policy puts it: how the key stands with its limits.
    Usage,
}

const INFERENCE: [(&str, Api); 8] = [
    ("/v1/chat/completions", Api::ChatCompletions),
    ("/v1/completions", Api::Completions),
    ("/v1/embeddings", Api::Embeddings),
    ("/v1/responses", Api::Responses),
    ("/v1/messages", Api::Messages),
    ("/v1/messages/count_tokens", Api::CountTokens),
    ("/v1/rerank", Api::Rerank),
    ("/v1/score", Api::Score),
];

const MODELS: &str = "/v1/models";
const READINESS: &str = "/readyz";

/// Decides by method and raw path (with query). `usage`: where keys ask for their usage.
///
/// Inference paths are compared literally, so what the upstream gets is what was decided on. A
/// model's id may hold slashes, encoded or not; it never goes upstream.
///
/// # Errors
/// [`Refusal::UnsupportedEndpoint`] or [`Refusal::MethodNotAllowed`].
pub fn classify(method: &[u8], path: &[u8], usage: Option<&str>) -> Result<Endpoint, Refusal> {
    let path = path::without_query(path);
    let unsupported = || Refusal::UnsupportedEndpoint {
        method: crate::text::printable(method),
        path: crate::text::printable(path),
    };
    let text = std::str::from_utf8(path).map_err(|_| unsupported())?;
    if let Some(&(_, api)) = INFERENCE.iter().find(|&&(known, _)| known == text) {
        return allow(method, "POST", Endpoint::Inference(api));
    }
    let endpoint = match text {
        READINESS => Endpoint::Readiness,
        MODELS => Endpoint::ListModels,
        _ if usage == Some(text) => Endpoint::Usage,
        _ => {
            let id = text
                .strip_prefix(MODELS)
                .and_then(|rest| rest.strip_prefix('/'));
            let id = id.and_then(path::decode_model_id).ok_or_else(unsupported)?;
            Endpoint::RetrieveModel(id)
        }
    };
    allow(method, "GET", endpoint)
}

fn allow(method: &[u8], allowed: &'static str, endpoint: Endpoint) -> Result<Endpoint, Refusal> {
    if method == allowed.as_bytes() {
        Ok(endpoint)
    } else {
        let method = crate::text::printable(method);
        Err(Refusal::MethodNotAllowed { method, allowed })
    }
}

/// Whose shapes a request's answers take, known from its path and headers alone.
pub fn dialect(path: &[u8], has_anthropic_version: bool) -> Dialect {
    let path = path::without_query(path);
    let models = path.strip_prefix(MODELS.as_bytes());
    let is_models = models.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"));
    if path.starts_with(b"/v1/messages") || (is_models && has_anthropic_version) {
        Dialect::Anthropic
    } else {
        Dialect::OpenAi
    }
}

impl Api {
    /// Whether a model works for it.
    pub fn is_chargeable(self) -> bool {
        self != Self::CountTokens
    }

    /// Whether answers hold tokens that a model makes.
    pub fn has_output(self) -> bool {
        match self {
            Self::ChatCompletions | Self::Completions | Self::Responses | Self::Messages => true,
            Self::Embeddings | Self::CountTokens | Self::Rerank | Self::Score => false,
        }
    }

    /// The name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat_completions",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::CountTokens => "count_tokens",
            Self::Rerank => "rerank",
            Self::Score => "score",
        }
    }

    /// Whether `stream_options.include_usage` exists here; elsewhere strict servers refuse it.
    pub fn has_stream_options(self) -> bool {
        matches!(self, Self::ChatCompletions | Self::Completions)
    }

    /// Whether an answer is expected to report usage. Counting tokens generates none.
    pub fn reports_usage(self) -> bool {
        self != Self::CountTokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_endpoints() {
        assert_eq!(
            classify(b"POST", b"/v1/messages?beta=true", Some("/v1/usage")),
            Ok(Endpoint::Inference(Api::Messages))
        );
        assert_eq!(
            classify(b"GET", b"/v1/models", Some("/v1/usage")),
            Ok(Endpoint::ListModels)
        );
        let id = Endpoint::RetrieveModel("Qwen/Qwen2.5".to_owned());
        assert_eq!(
            classify(b"GET", b"/v1/models/Qwen%2FQwen2.5", Some("/v1/usage")),
            Ok(id.clone())
        );
        assert_eq!(
            classify(b"GET", b"/v1/models/Qwen/Qwen2.5", Some("/v1/usage")),
            Ok(id)
        );
    }

    #[test]
    fn a_wrong_method_names_the_right_one() {
        for method in [&b"GET"[..], b"OPTIONS", b"HEAD", b"post", b""] {
            let refusal = classify(method, b"/v1/chat/completions", Some("/v1/usage")).unwrap_err();
            assert!(matches!(
                refusal,
                Refusal::MethodNotAllowed {
                    allowed: "POST",
                    ..
                }
            ));
        }
    }

    #[test]
    fn what_is_not_canonical_is_unsupported() {
        for path in [
            "",
            "/",
            "*",
            "/v1",
            "/v1/",
            "/v1/chat/completions/",
            "/V1/chat/completions",
            "/v1/chat%2Fcompletions",
            "/v1/chat/completion%73",
            "/v1//chat/completions",
            "/v1/./chat/completions",
            "/v1/models/../chat/completions",
            "/v1/chat/completions;x",
            "/v1/models/",
            "/v1/models/%2e%2e/files",
            "/v1/models/a%00b",
            "/v1/models/%zz",
            "/v1/models/a%2",
            "/v1/modelsx",
            "/v1/files",
            "/tokenize",
            "/metrics",
            "/invocations",
            "/v1\\chat/completions",
            "/v1/chat/completions\u{e9}",
        ] {
            let result = classify(b"POST", path.as_bytes(), Some("/v1/usage"));
            assert!(
                matches!(result, Err(Refusal::UnsupportedEndpoint { .. })),
                "{path:?}"
            );
        }
        assert!(classify(b"POST", b"/v1/chat/completions\xff", Some("/v1/usage")).is_err());
    }
}
