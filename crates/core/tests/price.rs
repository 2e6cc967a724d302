//! What exchanges cost, against figures worked out by hand and against exact arithmetic.

use proptest::prelude::*;
use tollgate_core::api::Dialect;
use tollgate_core::money::Usd;
use tollgate_core::price::{Discount, Kind, PriceList, Quantities, Rate, TokenRates};
use tollgate_core::response::usage::Usage;

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn rates(prices: &[(Kind, &str)]) -> TokenRates {
    let mut rates = TokenRates::default();
    for &(kind, price) in prices {
        rates.set(kind, Rate::per_million(usd(price)));
    }
    rates
}

fn list(prices: &[(Kind, &str)]) -> PriceList {
    PriceList {
        tokens: rates(prices),
        ..PriceList::default()
    }
}

/// A kind of each, as an Anthropic report with cache reads and writes would have it.
fn quantities(report: &str) -> Quantities {
    Quantities::of(&Usage::parse(report.as_bytes()), Dialect::Anthropic)
}

#[test]
fn a_bill_worked_out_by_hand() {
    let list = list(&[
        (Kind::Input, "3"),
        (Kind::Cached, "0.30"),
        (Kind::CacheWrite, "3.75"),
        (Kind::CacheWrite1h, "6"),
        (Kind::Output, "15"),
    ]);
    let used = quantities(
        r#"{"input_tokens":1000,"cache_read_input_tokens":20000,"cache_creation_input_tokens":300,
            "cache_creation":{"ephemeral_1h_input_tokens":100},"output_tokens":400}"#,
    );
    let cost = list.cost(&used);
    // 0.003 + 0.006 + 0.00075 + 0.0006 + 0.006
    assert_eq!((cost.usd, cost.unpriced), (usd("0.01635"), None));
}

#[test]
fn a_part_of_a_pico_dollar_counts_as_a_whole_one_once_per_request() {
    let list = list(&[(Kind::Input, "0.0000001"), (Kind::Output, "0.0000001")]);
    // A tenth of a pico-dollar each.
    let cost = |input, output| list.cost(&Quantities::plain(input, output)).usd.pico();
    assert_eq!(cost(0, 0), 0);
    assert_eq!(cost(1, 0), 1);
    assert_eq!(cost(5, 5), 1);
    assert_eq!(cost(6, 5), 2);
}

#[test]
fn the_tier_that_the_prompt_reaches_holds_for_the_whole_request() {
    let mut list = list(&[(Kind::Input, "1"), (Kind::Output, "2")]);
    let longer = rates(&[(Kind::Input, "10"), (Kind::Output, "20")]);
    let longest = rates(&[(Kind::Input, "100")]).or(&longer);
    list.above = Box::new([(1000, longer), (2000, longest)]);
    let cost = |prompt| list.cost(&Quantities::plain(prompt, 100)).usd;
    assert_eq!(cost(1000), usd("0.0012"));
    assert_eq!(cost(1001), usd("0.01201"));
    assert_eq!(cost(2001), usd("0.2021"));
}

#[test]
fn a_kind_without_a_price_is_charged_as_the_next_dearer_one() {
    let kinds = [(Kind::Input, "3"), (Kind::Output, "15")];
    let used = |report| list(&kinds).cost(&quantities(report));
    let cached = used(r#"{"input_tokens":0,"cache_read_input_tokens":1000000}"#);
    assert_eq!(
        (cached.usd, cached.unpriced),
        (usd("3"), Some(Kind::Cached))
    );
    let write = used(r#"{"input_tokens":0,"cache_creation_input_tokens":1000000}"#);
    assert_eq!(write.usd, usd("15"));
    assert_eq!(write.unpriced, Some(Kind::CacheWrite));
    let audio =
        used(r#"{"output_tokens":1000000,"output_tokens_details":{"audio_tokens":1000000}}"#);
    assert_eq!(
        (audio.usd, audio.unpriced),
        (usd("15"), Some(Kind::AudioOutput))
    );
    let reasoning =
        used(r#"{"output_tokens":1000000,"output_tokens_details":{"reasoning_tokens":1000000}}"#);
    assert_eq!((reasoning.usd, reasoning.unpriced), (usd("15"), None));
}

/// No kind is cheaper for having no price than plain input or output would be.
#[test]
fn a_kind_without_a_price_is_no_bargain() {
    let prices = rates(&[
        (Kind::Input, "2"),
        (Kind::CacheWrite1h, "1"),
        (Kind::AudioInput, "3"),
        (Kind::Output, "5"),
        (Kind::AudioOutput, "4"),
    ]);
    let rate = |price| (Rate::per_million(usd(price)), false);
    assert_eq!(prices.rate(Kind::Cached), rate("2"));
    assert_eq!(prices.rate(Kind::CacheWrite), rate("3"));
    assert_eq!(prices.rate(Kind::ImageInput), rate("3"));
    assert_eq!(prices.rate(Kind::ImageOutput), rate("5"));
}

#[test]
fn what_is_not_tokens() {
    let list = PriceList {
        request: Rate::per_one(usd("0.01")),
        image: Rate::per_one(usd("0.002")),
        millisecond: Rate::per_second(usd("0.5")),
        ..PriceList::default()
    };
    let mut used = Quantities::default();
    used.images = 3;
    used.milliseconds = 1500;
    assert_eq!(list.cost(&used).usd, usd("0.766"));
}

#[test]
fn a_discount_is_off_everything() {
    let mut list = list(&[(Kind::Input, "10")]);
    list.request = Rate::per_one(usd("1"));
    let cost = |hundredths| {
        let list = PriceList {
            discount: Discount::from_hundredths(hundredths).unwrap(),
            ..list.clone()
        };
        list.cost(&Quantities::plain(100_000, 0)).usd
    };
    assert_eq!(cost(0), usd("2"));
    assert_eq!(cost(1250), usd("1.75"));
    assert_eq!(cost(10_000), Usd::ZERO);
    assert_eq!(Discount::from_hundredths(10_001), None);
}

#[test]
fn the_ends_of_every_range_neither_trap_nor_wrap() {
    let mut list = list(&[(Kind::Input, "999999999999.999999999999")]);
    list.discount = Discount::from_hundredths(1).unwrap();
    let most = list.cost(&Quantities::plain(u64::MAX, u64::MAX)).usd;
    let less = list.cost(&Quantities::plain(1 << 40, 0)).usd;
    assert!(most >= less && less > usd("999999999999"));
}

proptest! {
    /// Against the same sum in one fraction: sum of (count * price * (10,000 - discount)) over
    /// (10,000 * a million), rounded up.
    #[test]
    fn exact_but_for_one_rounding(
        counts in prop::array::uniform2(0_u64..1 << 40),
        prices in prop::array::uniform2(0_u128..1_000_000_000_000_000_000),
        hundredths in 0_u16..=10_000,
    ) {
        let mut tokens = TokenRates::default();
        tokens.set(Kind::Input, Rate::per_million(Usd::from_pico(prices[0])));
        tokens.set(Kind::Output, Rate::per_million(Usd::from_pico(prices[1])));
        let discount = Discount::from_hundredths(hundredths).unwrap();
        let list = PriceList { tokens, discount, ..PriceList::default() };
        let cost = list.cost(&Quantities::plain(counts[0], counts[1])).usd.pico();
        let sum = u128::from(counts[0]) * prices[0] + u128::from(counts[1]) * prices[1];
        let exact = sum * u128::from(10_000 - hundredths);
        let whole = 10_000 * 1_000_000;
        prop_assert!(cost * whole >= exact && cost * whole - exact < whole);
    }
}
