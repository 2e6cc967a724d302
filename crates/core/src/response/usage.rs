//! Token counts as an answer reports them: OpenAI's and Anthropic's names read into one value.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::Dialect;

/// More than any real request can use; a larger number is a malformed report.
const MOST_TOKENS: u64 = 1 << 40;

/// Reported tokens by kind. Absent is not zero: a kind that no report named stays `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input tokens; in Anthropic's reports without the cached ones (see [`Usage::prompt`]).
    pub input: Option<u64>,
    /// Input tokens read from a cache.
    pub cached: Option<u64>,
    /// Input tokens written to a cache, however long it lives (Anthropic).
    pub cache_write: Option<u64>,
    /// Those of them whose cache lives an hour.
    pub cache_write_1h: Option<u64>,
    /// Output tokens, reasoning included.
    pub output: Option<u64>,
    /// Output tokens spent on reasoning.
    pub reasoning: Option<u64>,
    /// Input tokens that were audio.
    pub audio_input: Option<u64>,
    /// Output tokens that were audio.
    pub audio_output: Option<u64>,
    /// Input tokens that were images.
    pub image_input: Option<u64>,
    /// Output tokens that were images.
    pub image_output: Option<u64>,
    /// All of it together, as it says (OpenAI): some count reasoning in here and nowhere else.
    pub total: Option<u64>,
}

impl Usage {
    /// Reads the JSON object under `usage`. A kind that is malformed (negative, fractional, huge, no
    /// number) is not reported; the others are.
    pub fn parse(text: &[u8]) -> Self {
        if !text.starts_with(b"{") {
            return Self::default();
        }
        let report = serde_json::from_slice::<Report<'_>>(text);
        let usage = report.map(Report::into_usage);
        usage.or_else(|_| parse_repeated(text)).unwrap_or_default()
    }

    /// Takes over what a later cumulative report says; kinds it leaves out keep their value.
    pub fn update(&mut self, later: &Self) {
        let Self {
            input,
            cached,
            cache_write,
            cache_write_1h,
            output,
            reasoning,
            audio_input,
            audio_output,
            image_input,
            image_output,
            total,
        } = self;
        for (kept, new) in [
            (input, later.input),
            (cached, later.cached),
            (cache_write, later.cache_write),
            (cache_write_1h, later.cache_write_1h),
            (output, later.output),
            (reasoning, later.reasoning),
            (audio_input, later.audio_input),
            (audio_output, later.audio_output),
            (image_input, later.image_input),
            (image_output, later.image_output),
            (total, later.total),
        ] {
            *kept = new.or(*kept);
        }
    }

    /// All input tokens, cached ones included: Anthropic counts those beside `input_tokens`.
    pub fn prompt(&self, dialect: Dialect) -> Option<u64> {
        match dialect {
            Dialect::OpenAi => self.input.or(self.alone()),
            Dialect::Anthropic => {
                let beside = [self.cached, self.cache_write].into_iter().flatten();
                let beside = beside.fold(0, u64::saturating_add);
                self.input.map(|input| input.saturating_add(beside))
            }
        }
    }

    /// A total with which neither side is told.
    pub fn alone(&self) -> Option<u64> {
        let is_alone = self.input.is_none() && self.output.is_none();
        self.total.filter(|_| is_alone)
    }

    /// Whether any kind was reported.
    pub fn is_reported(&self) -> bool {
        self.total.is_some() || self.kinds().iter().any(|(_, count)| count.is_some())
    }

    /// Every kind as reported, by its name in logs and metrics, but `input`, for which
    /// [`Usage::prompt`] stands.
    pub fn parts(&self) -> [(&'static str, Option<u64>); 6] {
        [
            ("completion", self.output),
            ("cached", self.cached),
            ("cache_write", self.cache_write),
            ("reasoning", self.reasoning),
            ("audio_prompt", self.audio_input),
            ("audio_completion", self.audio_output),
        ]
    }

    fn kinds(&self) -> [(&'static str, Option<u64>); 7] {
        let [a, b, c, d, e, f] = self.parts();
        [("input", self.input), a, b, c, d, e, f]
    }
}

/// Every name that a report may use. Chat and completions say `prompt_tokens` and
/// `completion_tokens`; responses and Anthropic say `input_tokens` and `output_tokens`; some say
/// both; embeddings, rerank and score may say `total_tokens` alone.
#[derive(Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
struct Report<'a> {
    prompt_tokens: Count<'a>,
    input_tokens: Count<'a>,
    completion_tokens: Count<'a>,
    output_tokens: Count<'a>,
    total_tokens: Count<'a>,
    prompt_tokens_details: Count<'a>,
    input_tokens_details: Count<'a>,
    completion_tokens_details: Count<'a>,
    output_tokens_details: Count<'a>,
    cache_read_input_tokens: Count<'a>,
    cache_creation_input_tokens: Count<'a>,
    cache_creation: Count<'a>,
}

/// A member as text, to be read as what it should be.
type Count<'a> = Option<&'a RawValue>;

/// `prompt_tokens_details`, `completion_tokens_details` or `cache_creation`.
#[derive(Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
struct Details<'a> {
    cached_tokens: Count<'a>,
    reasoning_tokens: Count<'a>,
    audio_tokens: Count<'a>,
    image_tokens: Count<'a>,
    ephemeral_1h_input_tokens: Count<'a>,
}

impl Report<'_> {
    fn into_usage(self) -> Usage {
        let prompt = details(self.prompt_tokens_details.or(self.input_tokens_details));
        let completion = details(
            self.completion_tokens_details
                .or(self.output_tokens_details),
        );
        let output = count(self.completion_tokens).or(count(self.output_tokens));
        Usage {
            input: count(self.prompt_tokens).or(count(self.input_tokens)),
            cached: count(self.cache_read_input_tokens).or(count(prompt.cached_tokens)),
            cache_write: count(self.cache_creation_input_tokens),
            cache_write_1h: count(details(self.cache_creation).ephemeral_1h_input_tokens),
            output,
            reasoning: count(completion.reasoning_tokens),
            audio_input: count(prompt.audio_tokens),
            audio_output: count(completion.audio_tokens),
            image_input: count(prompt.image_tokens),
            image_output: count(completion.image_tokens),
            total: count(self.total_tokens),
        }
    }
}

/// Reads a report that gives a count twice: the last one holds.
fn parse_repeated(text: &[u8]) -> serde_json::Result<Usage> {
    let value: serde_json::Value = serde_json::from_slice(text)?;
    let text = value.to_string();
    serde_json::from_str::<Report<'_>>(&text).map(Report::into_usage)
}

fn details(value: Count<'_>) -> Details<'_> {
    value
        .and_then(|value| serde_json::from_str(value.get()).ok())
        .unwrap_or_default()
}

/// A whole number, be it written `3` or `3.0`.
fn count(value: Count<'_>) -> Option<u64> {
    let text = value?.get();
    let digits = text.strip_suffix(".0").unwrap_or(text);
    digits.parse().ok().filter(|&count| count <= MOST_TOKENS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Usage {
        Usage::parse(text.as_bytes())
    }

    #[test]
    fn openai_names() {
        let usage = parse(
            r#"{"prompt_tokens":14,"total_tokens":18,"completion_tokens":4,
                "prompt_tokens_details":{"cached_tokens":8,"audio_tokens":1},
                "completion_tokens_details":{"reasoning_tokens":2,"audio_tokens":0,"x":[1]}}"#,
        );
        assert_eq!(usage.prompt(Dialect::OpenAi), Some(14));
        assert_eq!(
            (usage.cached, usage.output, usage.reasoning),
            (Some(8), Some(4), Some(2))
        );
        assert_eq!((usage.audio_input, usage.audio_output), (Some(1), Some(0)));
    }

    #[test]
    fn anthropic_counts_cached_tokens_beside_input() {
        let usage = parse(
            r#"{"input_tokens":3,"cache_creation_input_tokens":10,"cache_read_input_tokens":20,
                "cache_creation":{"ephemeral_5m_input_tokens":10},"output_tokens":1}"#,
        );
        assert_eq!(usage.prompt(Dialect::Anthropic), Some(33));
    }

    #[test]
    fn a_later_report_wins_per_kind_and_zero_is_a_report() {
        let mut usage = parse(r#"{"input_tokens":3,"output_tokens":1}"#);
        usage.update(&parse(r#"{"output_tokens":0}"#));
        assert_eq!((usage.input, usage.output), (Some(3), Some(0)));
    }

    #[test]
    fn a_total_alone_is_all_prompt() {
        let usage = parse(r#"{"total_tokens":9}"#);
        assert_eq!(usage.prompt(Dialect::OpenAi), Some(9));
    }

    #[test]
    fn a_malformed_kind_is_not_reported_and_spoils_no_other() {
        for text in [
            r#"{"prompt_tokens":-1}"#,
            r#"{"prompt_tokens":1.5}"#,
            r#"{"prompt_tokens":99999999999999999999999}"#,
            r#"{"completion_tokens":1e30}"#,
            r#"{"prompt_tokens":2199023255552}"#,
            r#"{"prompt_tokens":"7"}"#,
            r#"{"prompt_tokens":null,"prompt_tokens_details":[]}"#,
            "{}",
            "[14,4]",
            "{",
        ] {
            assert!(!parse(text).is_reported(), "{text}");
        }
        let usage =
            parse(r#"{"prompt_tokens":-1,"completion_tokens":4,"completion_tokens_details":7}"#);
        assert_eq!((usage.input, usage.output), (None, Some(4)));
    }

    #[test]
    fn both_families_of_names_and_floats() {
        let usage = parse(r#"{"prompt_tokens":3,"input_tokens":3,"output_tokens":4.0}"#);
        assert_eq!((usage.input, usage.output), (Some(3), Some(4)));
    }
}
