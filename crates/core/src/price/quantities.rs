//! What an exchange used, in kinds that do not overlap, so that each is charged once.
//!
//! Reports overlap, each API in its way: OpenAI's `prompt_tokens` include cached, audio and image
//! tokens and its `completion_tokens` include reasoning, or, with some servers (xAI's), only its
//! `total_tokens` do; Anthropic counts cache reads and writes beside `input_tokens`.

use std::fmt;

use crate::api::Dialect;
use crate::response::usage::Usage;

/// What a price can be given for.
///
/// In the order of what they commonly cost, cheapest first: where one has no price, the next one
/// that has is charged ([`super::PriceList::cost`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Input tokens read from a cache.
    Cached,
    /// Input tokens.
    Input,
    /// Input tokens written to a cache that lives five minutes.
    CacheWrite,
    /// Input tokens written to a cache that lives an hour.
    CacheWrite1h,
    /// Input tokens that are images.
    ImageInput,
    /// Input tokens that are audio.
    AudioInput,
    /// Output tokens.
    Output,
    /// Output tokens spent on reasoning.
    Reasoning,
    /// Output tokens that are images.
    ImageOutput,
    /// Output tokens that are audio.
    AudioOutput,
}

impl Kind {
    /// Every kind, in order.
    pub const ALL: [Self; 10] = [
        Self::Cached,
        Self::Input,
        Self::CacheWrite,
        Self::CacheWrite1h,
        Self::ImageInput,
        Self::AudioInput,
        Self::Output,
        Self::Reasoning,
        Self::ImageOutput,
        Self::AudioOutput,
    ];

    /// The name in rule files, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Input => "input",
            Self::CacheWrite => "cache_write",
            Self::CacheWrite1h => "cache_write_1h",
            Self::ImageInput => "image_input",
            Self::AudioInput => "audio_input",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
            Self::ImageOutput => "image_output",
            Self::AudioOutput => "audio_output",
        }
    }

    /// Its place in [`Kind::ALL`].
    pub(super) fn index(self) -> usize {
        self as usize
    }

    /// Whether it is part of the prompt.
    pub fn is_input(self) -> bool {
        self < Self::Output
    }
}

/// Tokens by kind, and what else is charged for. Written `input=12 output=40 milliseconds=600`:
/// what there is none of is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantities {
    /// In the order of [`Kind::ALL`].
    tokens: [u64; Kind::ALL.len()],
    /// Images in the request.
    pub images: u64,
    /// Milliseconds of the upstream's time, begun ones included.
    pub milliseconds: u64,
}

impl fmt::Display for Quantities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tokens = self.kinds().map(|(kind, count)| (kind.name(), count));
        let others = [("images", self.images), ("milliseconds", self.milliseconds)];
        let mut separator = "";
        for (name, count) in tokens.chain(others).filter(|&(_, count)| count > 0) {
            write!(f, "{separator}{name}={count}")?;
            separator = " ";
        }
        Ok(())
    }
}

impl Quantities {
    /// From a report. Parts that exceed the whole that should include them count only up to it, and
    /// what only the total tells counts as output.
    pub fn of(usage: &Usage, dialect: Dialect) -> Self {
        let mut quantities = Self::default();
        let write_1h = usage.cache_write_1h.unwrap_or(0);
        let write = usage.cache_write.unwrap_or(0).saturating_sub(write_1h);
        let cached = usage.cached.unwrap_or(0);
        let mut output = usage.output.unwrap_or(0);
        let total = usage.total.filter(|_| dialect == Dialect::OpenAi);
        let unnamed = total.map(|total| total.saturating_sub(output));
        let mut input = usage.input.or(unnamed).unwrap_or(0);
        let counted = input.saturating_add(output);
        let beside = total.unwrap_or(0).saturating_sub(counted);
        let mut part = |whole: &mut u64, kind, count: Option<u64>| {
            let count = count.unwrap_or(0).min(*whole);
            *whole = whole.saturating_sub(count);
            quantities.add(kind, count);
        };
        part(&mut input, Kind::AudioInput, usage.audio_input);
        part(&mut input, Kind::ImageInput, usage.image_input);
        if dialect == Dialect::OpenAi {
            part(&mut input, Kind::CacheWrite1h, Some(write_1h));
            part(&mut input, Kind::CacheWrite, Some(write));
            part(&mut input, Kind::Cached, Some(cached));
        }
        output = output.saturating_add(beside);
        part(&mut output, Kind::AudioOutput, usage.audio_output);
        part(&mut output, Kind::ImageOutput, usage.image_output);
        part(&mut output, Kind::Reasoning, usage.reasoning);
        if dialect == Dialect::Anthropic {
            quantities.add(Kind::CacheWrite1h, write_1h);
            quantities.add(Kind::CacheWrite, write);
            quantities.add(Kind::Cached, cached);
        }
        quantities.add(Kind::Input, input);
        quantities.add(Kind::Output, output);
        quantities
    }

    /// An estimate: that many plain input and output tokens.
    pub fn plain(input: u64, output: u64) -> Self {
        let mut quantities = Self::default();
        quantities.add(Kind::Input, input);
        quantities.add(Kind::Output, output);
        quantities
    }

    /// Tokens of this kind.
    pub fn tokens(&self, kind: Kind) -> u64 {
        self.tokens.get(kind.index()).copied().unwrap_or(0)
    }

    /// Every kind with its tokens.
    pub fn kinds(&self) -> impl Iterator<Item = (Kind, u64)> {
        Kind::ALL.into_iter().zip(self.tokens)
    }

    /// All input tokens.
    pub fn prompt(&self) -> u64 {
        self.sum(Kind::is_input)
    }

    /// All output tokens.
    pub fn completion(&self) -> u64 {
        self.sum(|kind| !kind.is_input())
    }

    fn sum(&self, included: impl Fn(Kind) -> bool) -> u64 {
        let counts = self.kinds().filter(|&(kind, _)| included(kind));
        counts.fold(0, |sum, (_, count)| sum.saturating_add(count))
    }

    /// Adds tokens of a kind.
    pub fn add(&mut self, kind: Kind, count: u64) {
        if let Some(tokens) = self.tokens.get_mut(kind.index()) {
            *tokens = tokens.saturating_add(count);
        }
    }
}
