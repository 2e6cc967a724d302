//! Why a request is refused: one value per reason, with the facts, and what the client is told.
//!
//! Shapes and codes follow OpenAI's error object and Anthropic's; see [`crate::reply`].

mod limit;
mod text;
mod unit;

use std::num::NonZeroU32;

pub use limit::LimitReached;
pub use unit::Unit;

use crate::secret::Hash;

/// Seconds from which waiting is not worth a client's automatic retry.
const PATIENCE: u64 = 60;

/// A reason to refuse. Text in it that a client chose is already bounded and printable.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are the facts of the message")]
pub enum Refusal {
    UnsupportedEndpoint {
        method: String,
        path: String,
    },
    MethodNotAllowed {
        method: String,
        allowed: &'static str,
    },
    Unauthenticated(CredentialFault),
    ConflictingCredentials(&'static str),
    MissingBody,
    InvalidJson(String),
    DuplicateField {
        field: String,
    },
    InvalidField {
        field: String,
        problem: String,
    },
    UnsupportedContentType {
        given: String,
    },
    UnsupportedContentEncoding {
        given: String,
    },
    BodyTooLarge {
        length: u64,
        limit: u64,
    },
    ModelNotFound {
        model: String,
    },
    ModelNotAllowed {
        model: String,
    },
    StoredState {
        field: String,
        model: String,
    },
    HostedTool {
        tool: String,
        model: String,
    },
    TooManyUploads {
        limit: u64,
    },
    UploadMemoryFull,
    LimitReached(Box<LimitReached>),
    /// Other workers changed an account's state all the time.
    StateBusy,
    /// What is kept of this account can't be read, or what all accounts need.
    StateUnavailable {
        account: Option<String>,
    },
    NotReady,
    /// No server of it was ready in time; starting one takes so many seconds.
    ModelWaking {
        model: String,
        seconds: NonZeroU32,
    },
    Internal(&'static str),
}

/// Why no key was found or accepted. The client can't tell these apart; operators can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialFault {
    /// No credential at all.
    Missing,
    /// Not a bearer token.
    Malformed,
    /// One of ours, cut or mistyped; the first 12 hex digits of its hash.
    Damaged(String),
    /// Not in the policy; the first 12 hex digits of its hash.
    Unknown(String),
    /// Past its expiry.
    Expired,
    /// Switched off by the policy.
    Disabled,
    /// Used from outside its networks.
    SourceNotAllowed,
}

impl CredentialFault {
    /// Of the key with this hash.
    pub fn unknown(hash: &Hash) -> Self {
        Self::Unknown(first_digits(hash))
    }
}

/// The first 12 hex digits.
pub(crate) fn first_digits(hash: &Hash) -> String {
    hash.iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl Refusal {
    /// HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::UnsupportedEndpoint { .. } | Self::ModelNotFound { .. } => 404,
            Self::MethodNotAllowed { .. } => 405,
            Self::Unauthenticated(_) => 401,
            Self::ConflictingCredentials(_)
            | Self::MissingBody
            | Self::InvalidJson(_)
            | Self::DuplicateField { .. }
            | Self::InvalidField { .. }
            | Self::StoredState { .. }
            | Self::HostedTool { .. } => 400,
            Self::UnsupportedContentType { .. } | Self::UnsupportedContentEncoding { .. } => 415,
            Self::BodyTooLarge { .. } => 413,
            Self::ModelNotAllowed { .. } => 403,
            Self::TooManyUploads { .. } => 429,
            Self::LimitReached(limit) => limit.status(),
            Self::UploadMemoryFull
            | Self::StateBusy
            | Self::StateUnavailable { .. }
            | Self::NotReady
            | Self::ModelWaking { .. } => 503,
            Self::Internal(_) => 500,
        }
    }

    /// The error's `code`: stable, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnsupportedEndpoint { .. } => "unsupported_endpoint",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::Unauthenticated(_) => "invalid_api_key",
            Self::ConflictingCredentials(_) => "conflicting_credentials",
            Self::MissingBody => "missing_body",
            Self::InvalidJson(_) => "invalid_json",
            Self::DuplicateField { .. } => "duplicate_field",
            Self::InvalidField { .. } => "invalid_request",
            Self::UnsupportedContentType { .. } => "unsupported_media_type",
            Self::UnsupportedContentEncoding { .. } => "unsupported_content_encoding",
            Self::BodyTooLarge { .. } => "request_too_large",
            Self::ModelNotFound { .. } => "model_not_found",
            Self::ModelNotAllowed { .. } => "model_not_allowed",
            Self::StoredState { .. } => "stateful_responses_disabled",
            Self::HostedTool { .. } => "hosted_tools_disabled",
            Self::TooManyUploads { .. } => "too_many_uploads",
            Self::UploadMemoryFull => "upload_memory_full",
            Self::LimitReached(limit) => limit.code(),
            Self::StateBusy => "state_busy",
            Self::StateUnavailable { .. } => "state_unavailable",
            Self::NotReady => "gateway_not_ready",
            Self::ModelWaking { .. } => "model_waking",
            Self::Internal(_) => "internal_error",
        }
    }

    /// The precise reason, for metrics and the access log only.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unauthenticated(fault) => match fault {
                CredentialFault::Missing => "key_missing",
                CredentialFault::Malformed => "key_malformed",
                CredentialFault::Damaged(_) => "key_damaged",
                CredentialFault::Unknown(_) => "key_unknown",
                CredentialFault::Expired => "key_expired",
                CredentialFault::Disabled => "key_disabled",
                CredentialFault::SourceNotAllowed => "key_source_not_allowed",
            },
            other => other.code(),
        }
    }

    /// Whole seconds after which to ask again; `None` where waiting does not help.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooManyUploads { .. } | Self::UploadMemoryFull | Self::StateBusy => Some(1),
            Self::ModelWaking { seconds, .. } => Some(u64::from(seconds.get())),
            Self::LimitReached(limit) => limit.retry_after(),
            _ => None,
        }
    }

    /// Whether SDKs, which try again by themselves, should not.
    pub fn forbids_retries(&self) -> bool {
        match self {
            Self::LimitReached(_) | Self::ModelWaking { .. } => {
                self.retry_after().is_none_or(|seconds| seconds >= PATIENCE)
            }
            _ => false,
        }
    }

    /// The request field at fault, if one is.
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::DuplicateField { field }
            | Self::InvalidField { field, .. }
            | Self::StoredState { field, .. } => Some(field),
            Self::HostedTool { .. } => Some("tools"),
            Self::ModelNotFound { .. } | Self::ModelNotAllowed { .. } => Some("model"),
            _ => None,
        }
    }

    /// The first 12 hex digits of an unknown key's hash, so that support can match it.
    pub fn key_hash(&self) -> Option<&str> {
        match self {
            Self::Unauthenticated(
                CredentialFault::Unknown(hash) | CredentialFault::Damaged(hash),
            ) => Some(hash),
            _ => None,
        }
    }
}
