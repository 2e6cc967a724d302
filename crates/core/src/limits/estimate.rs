//! What a request may come to, from its size: at worst, as it names it, and as is usual.

use super::learning::Learned;
use super::rule::{Amounts, Demand};
use crate::api::Api;
use crate::money::Usd;
use crate::policy::Model;
use crate::price::{PriceList, Quantities};
use crate::request::size::Size;

/// Output tokens of an answer that nothing else bounds, where only the worst case is admitted.
const MOST_OUTPUT: u32 = 4096;
/// Tokens that a model's template adds to a prompt, where its rule names none.
const TEMPLATE: u32 = 64;
/// Tokens that an image usually has at most, where its model's rule names none.
const IMAGE: u32 = 4096;
/// Tokens that tools add beyond their text, where the model's rule names none.
const TOOLS: u32 = 1024;
/// Tokens that an image has at least, or nearly so: what is left of the context is not less.
const SMALL_IMAGE: u32 = 256;

/// What an estimate is made from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The API that is asked: some have no output, or cost nothing.
    pub api: Api,
    /// How large the request is: bytes of text, images, answers, the maximum that it names.
    pub size: &'a Size,
    /// The model that serves it, with its context and its tokens for a template, an image, a tool.
    pub model: &'a Model,
    /// What the model costs at this moment; `None`: nothing.
    pub prices: Option<&'a PriceList>,
    /// What is usual for the model: tokens of a prompt's bytes, output tokens, milliseconds.
    pub learned: &'a Learned,
    /// The lowest cap on output tokens of an answer that an account sets.
    pub cap: Option<u32>,
    /// Whether an account admits only the worst case.
    pub is_worst_case: bool,
    /// Whether any limit asks for the worst case, also one in shadow; else it is not worked out.
    pub asks_worst_case: bool,
}

/// What comes of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// What is asked of accounts.
    pub demand: Demand,
    /// What has to be written into the request, so that its answer keeps to it.
    pub max_output: Option<u32>,
}

/// Estimates one request.
pub fn estimate(inputs: Inputs<'_>) -> Estimate {
    let Prompts { worst, usual } = prompts(inputs);
    let Outputs {
        named,
        most,
        expected,
        bound,
    } = outputs(inputs);
    let answers = match inputs.api.has_output() {
        true => inputs.size.prompts.saturating_mul(inputs.size.choices),
        false => 0,
    };
    let all = |each: Option<u32>| answers.saturating_mul(each.unwrap_or(MOST_OUTPUT).into());
    let usually = |output: Option<u32>| amounts(inputs, usual, all(output), false);
    let named_amounts = usually(named.and(most).or(expected));
    Estimate {
        demand: Demand {
            worst: match inputs.asks_worst_case {
                true => amounts(inputs, worst, all(most), true),
                false => named_amounts,
            },
            named: named_amounts,
            expected: usually(expected),
            least: usually(named.and(expected).or(Some(1))),
        },
        max_output: bound.filter(|_| answers > 0),
    }
}

/// Output tokens of each answer.
struct Outputs {
    /// What the request names.
    named: Option<u32>,
    /// At most.
    most: Option<u32>,
    /// As is usual.
    expected: Option<u32>,
    /// To be written into the request.
    bound: Option<u32>,
}

fn outputs(inputs: Inputs<'_>) -> Outputs {
    let Size {
        max_output: named,
        is_foreign,
        ..
    } = *inputs.size;
    let cap = least([inputs.cap, inputs.model.max_output]);
    let ceiling = least([cap, inputs.model.context]);
    let most = least([named, ceiling]);
    let usual = u32::try_from(inputs.learned.output_p95).unwrap_or(u32::MAX);
    let bound = match named {
        // Not every server obeys the field that names it.
        Some(_) if is_foreign => most,
        Some(named) => cap.filter(|&cap| cap < named),
        None if inputs.is_worst_case && ceiling.is_none() => Some(MOST_OUTPUT),
        None => cap,
    };
    Outputs {
        named,
        most,
        expected: least([Some(usual), most]),
        bound: bound.map(|bound| bound.min(room(inputs))),
    }
}

/// So many tokens in and out, and what they cost: at most, or if they are of the usual kinds.
fn amounts(inputs: Inputs<'_>, prompt: u64, output: u64, is_worst: bool) -> Amounts {
    let is_chargeable = inputs.api.is_chargeable();
    let mut amounts = Amounts {
        requests: 1,
        prompt: if is_chargeable { prompt } else { 0 },
        completion: output,
        cost: Usd::ZERO,
    };
    if let Some(list) = inputs.prices.filter(|_| is_chargeable) {
        let mut quantities = Quantities::plain(prompt, output);
        quantities.images = inputs.size.images;
        quantities.milliseconds = inputs.learned.duration_mean;
        amounts.cost = match is_worst {
            true => list.worst(&quantities),
            false => list.cost(&quantities).usd,
        };
    }
    amounts
}

/// Tokens of all prompts together.
struct Prompts {
    worst: u64,
    usual: u64,
}

fn prompts(inputs: Inputs<'_>) -> Prompts {
    let Size {
        bytes,
        ids,
        images,
        as_images,
        unsized_media,
        unbounded,
        tool_texts,
        prompts,
        is_shared,
        ..
    } = *inputs.size;
    let times = if is_shared { prompts } else { 1 };
    let template = u64::from(inputs.model.template_tokens.unwrap_or(TEMPLATE));
    let image = u64::from(inputs.model.image_tokens.unwrap_or(IMAGE));
    let tool = u64::from(inputs.model.tool_tokens.unwrap_or(TOOLS));
    let fixed = template
        .saturating_mul(prompts)
        .saturating_add(image.saturating_mul(images))
        .saturating_add(tool.saturating_mul(tool_texts));
    let context = inputs.model.context.map_or(u64::MAX, u64::from);
    let most = context.saturating_mul(prompts);
    let worst = if unbounded.is_some() || unsized_media > 0 {
        most
    } else {
        let texts = bytes.saturating_mul(times).saturating_add(ids);
        texts.saturating_add(fixed).min(most)
    };
    let usual = text(inputs).saturating_add(image.saturating_mul(as_images));
    Prompts {
        worst,
        usual: usual.min(worst),
    }
}

/// What the texts of all prompts usually have.
fn text(inputs: Inputs<'_>) -> u64 {
    let Size {
        bytes,
        inline,
        ids,
        prompts,
        is_shared,
        ..
    } = *inputs.size;
    let times = if is_shared { prompts } else { 1 };
    let text = inputs.learned.tokens(bytes.saturating_sub(inline));
    text.saturating_mul(times).saturating_add(ids)
}

/// The output tokens that fit the context beside a prompt, rather too many than too few: some
/// servers refuse what does not fit, but an answer that is cut short is nobody's wish.
fn room(inputs: Inputs<'_>) -> u32 {
    let Some(context) = inputs.model.context else {
        return u32::MAX;
    };
    let image = inputs
        .model
        .image_tokens
        .map_or(SMALL_IMAGE, |most| most.min(SMALL_IMAGE));
    let images = u64::from(image).saturating_mul(inputs.size.images);
    let prompts = text(inputs).saturating_add(images);
    let prompt = prompts.checked_div(inputs.size.prompts).unwrap_or(prompts);
    let prompt = u32::try_from(prompt).unwrap_or(u32::MAX);
    // What seems to fill the context may be shorter than it seems.
    context.saturating_sub(prompt).max(context / 16).max(1)
}

fn least<const N: usize>(values: [Option<u32>; N]) -> Option<u32> {
    values.into_iter().flatten().min()
}
