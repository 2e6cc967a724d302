//! What clients are told, for each reason to refuse.

use std::fmt;

use super::Refusal;

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnsupportedEndpoint { method, path } => {
                write!(f, "{method} {path} is not an endpoint of this gateway")
            }
            Self::MethodNotAllowed { method, allowed } => {
                write!(f, "method {method} is not allowed here: use {allowed}")
            }
            Self::Unauthenticated(_) => f.write_str(
                "invalid API key: send a key that is active as 'authorization: Bearer <key>' or \
                 'x-api-key: <key>'",
            ),
            Self::ConflictingCredentials(what) => write!(f, "{what}: send one API key"),
            Self::MissingBody => f.write_str("the request has no body: send a JSON object"),
            Self::InvalidJson(problem) => write!(f, "the body is not valid JSON: {problem}"),
            Self::DuplicateField { field } => write!(f, "'{field}' appears more than once"),
            Self::InvalidField { field, problem } => write!(f, "'{field}' {problem}"),
            Self::UnsupportedContentType { given } => write!(
                f,
                "content-type '{given}' is not supported: send JSON with -H 'content-type: \
                 application/json'"
            ),
            Self::UnsupportedContentEncoding { given } => write!(
                f,
                "content-encoding '{given}' is not supported: send the body uncompressed"
            ),
            Self::BodyTooLarge { length, limit } => {
                write!(f, "the body has {length} bytes; the limit is {limit}")
            }
            Self::ModelNotFound { model } => write!(f, "the model '{model}' does not exist"),
            Self::ModelNotAllowed { model } => {
                write!(f, "this API key may not use the model '{model}'")
            }
            Self::StoredState { field, model } => write!(
                f,
                "'{field}' refers to state kept by the server, which the model '{model}' does \
                 not allow here"
            ),
            Self::HostedTool { tool, model } => write!(
                f,
                "the tool '{tool}' runs on the server, which the model '{model}' does not allow \
                 here"
            ),
            Self::TooManyUploads { limit } => write!(
                f,
                "this API key's request bodies in flight exceed {limit} bytes: retry when \
                 earlier uploads are done"
            ),
            Self::UploadMemoryFull => f.write_str(
                "the gateway's memory for request bodies in flight is full: retry shortly",
            ),
            Self::LimitReached(limit) => limit.fmt(f),
            Self::StateBusy => f.write_str(
                "the gateway could not reserve what the request needs, since others were served at \
                 the same moment: retry shortly",
            ),
            Self::StateUnavailable { account } => {
                let account = account.as_deref().unwrap_or("any account");
                let account = account.replacen(':', " ", 1);
                write!(
                    f,
                    "the gateway can't read what {account} has used: tell its operators"
                )
            }
            Self::NotReady => f.write_str("the gateway has no policy loaded"),
            Self::ModelWaking { model, seconds } => write!(
                f,
                "no server of the model '{model}' was ready in time: starting one takes about \
                 {seconds} seconds, retry then"
            ),
            Self::Internal(what) => write!(f, "the gateway failed: {what}"),
        }
    }
}
