//! The bytes that bodies and steps stand for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Error};

use super::{Answer, Body, Framing, Splits, Step};
use crate::headers::Headers;

/// Bytes written as base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base64(pub Vec<u8>);

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(D::Error::custom)
    }
}

impl Body {
    /// The bytes to send.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Json(value) => value.to_string().into_bytes(),
            Self::Base64(bytes) => bytes.0.clone(),
            Self::Generated(g) => [&g.before, &g.fill.repeat(g.times), &g.after]
                .map(String::as_bytes)
                .concat(),
        }
    }
}

impl Step {
    /// The bytes to write; none for what only takes time or ends the connection.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Base64(bytes) => bytes.0.clone(),
            Self::Repeat { fill, times } => fill.repeat(*times).into_bytes(),
            Self::PauseMs(_) | Self::Reset | Self::Close => Vec::new(),
        }
    }
}

impl Answer {
    /// The answer's header fields without those of its framing.
    pub fn fields(&self) -> Headers {
        let mut fields = self.headers.clone();
        if self.framing != Framing::AsWritten {
            fields.push_default("content-type", "application/json");
        }
        fields
    }

    /// The whole body, without transfer coding.
    pub fn bytes(&self) -> Vec<u8> {
        self.body.iter().flat_map(Step::bytes).collect()
    }

    /// The body's steps, cut anew where `splits` says so.
    pub fn pieces(&self) -> Vec<Step> {
        let body = self.bytes();
        let cuts: Vec<usize> = match &self.splits {
            Splits::AsWritten | Splits::Everywhere => return self.body.clone(),
            Splits::At(cuts) => cuts.clone(),
            Splits::Bytes => (1..body.len()).collect(),
        };
        let ends = cuts.iter().copied().chain([body.len()]);
        let mut from = 0;
        ends.map(|end| {
            let piece = body[from..end].to_vec();
            from = end;
            Step::Base64(Base64(piece))
        })
        .collect()
    }
}
