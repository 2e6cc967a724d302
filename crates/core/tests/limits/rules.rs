//! Small random rules, so that requests meet their limits often.

use std::time::Duration;

use proptest::prelude::*;
use tollgate_core::limits::counter::CounterId;
use tollgate_core::limits::rate::Rate;
use tollgate_core::limits::rule::{Admit, Bound, Limit, Measure, Mode, Overrun, Raise, RatePeriod};
use tollgate_core::limits::window::Period;

/// Seconds since 1970 around which everything happens: 2026-03-28T23:59:00Z, the night in which
/// the clocks of Berlin go forward.
pub(crate) const START: u64 = 1_774_742_340;

/// The first is never that of a rate.
const MEASURES: [Measure; 5] = [
    Measure::Money,
    Measure::Requests,
    Measure::PromptTokens,
    Measure::CompletionTokens,
    Measure::TotalTokens,
];

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![4 => Just(Mode::Enforce), 1 => Just(Mode::Shadow), 1 => Just(Mode::Soft)]
}

fn admit() -> impl Strategy<Value = Admit> {
    prop::sample::select(vec![Admit::Expected, Admit::WorstCase])
}

/// A limit, and for a rate its plain numbers, which the limit keeps to itself.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) limit: Limit,
    pub(crate) numbers: Numbers,
}

/// So much per so many seconds, so much of it at once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) amount: u64,
    pub(crate) seconds: u64,
    pub(crate) burst: u64,
}

fn rule((mode, admit, (bound, numbers)): (Mode, Admit, (Bound, Numbers))) -> Rule {
    let limit = Limit {
        rule: "rule".into(),
        source: None,
        mode,
        bound,
        admit,
        on_overrun: Overrun::Finish,
        fallback: None,
        message: None,
        hides_amounts: false,
    };
    Rule { limit, numbers }
}

fn rate(mode: Mode) -> impl Strategy<Value = (Bound, Numbers)> {
    let periods = vec![(RatePeriod::Second, 1), (RatePeriod::Minute, 60)];
    let measures = prop::sample::select(MEASURES[1..].to_vec());
    (
        measures,
        prop::sample::select(periods),
        1_u32..200,
        1_u32..200,
    )
        .prop_map(move |(measure, (period, seconds), amount, burst)| {
            let bound = Bound::Rate {
                measure,
                period,
                rate: Rate::new(amount, Duration::from_secs(seconds), burst).unwrap(),
                counter: CounterId::rate(measure, period, mode == Mode::Shadow),
            };
            let numbers = Numbers {
                amount: amount.into(),
                seconds,
                burst: burst.into(),
            };
            (bound, numbers)
        })
}

fn window() -> impl Strategy<Value = Bound> {
    let periods = vec![
        Period::Hour,
        Period::Day,
        Period::Week,
        Period::Month,
        Period::Ever,
    ];
    let raises = prop::collection::vec((0_u128..300, 0_u64..10_000), 0..3);
    let zones = prop::sample::select(vec![(0, "UTC"), (1, "Europe/Berlin")]);
    (
        prop::sample::select(MEASURES.to_vec()),
        prop::sample::select(periods),
        zones,
        0_u128..600,
        raises,
    )
        .prop_map(|(measure, period, (zone, name), amount, mut raises)| {
            let counter = CounterId::window(measure, period, name);
            raises.sort_by_key(|&(_, until)| until);
            let raises = raises
                .iter()
                .enumerate()
                .map(|(i, &(amount, after))| Raise {
                    counter: CounterId::raise(counter, &format!("raise {i}")),
                    amount,
                    until: START + after,
                });
            Bound::Window {
                measure,
                period,
                zone,
                amount,
                raises: raises.collect(),
                counter,
            }
        })
}

/// One account's rules. Raises stand in one rule of a counter only, as the compiler sees to.
pub(crate) fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let bounds = |mode| {
        let plain = |bound| (bound, Numbers::default());
        prop_oneof![
            3 => rate(mode).boxed(),
            5 => window().prop_map(plain).boxed(),
            1 => (0_u32..4).prop_map(Bound::Concurrency).prop_map(plain).boxed(),
        ]
    };
    let one = mode().prop_flat_map(move |mode| (Just(mode), admit(), bounds(mode)));
    prop::collection::vec(one.prop_map(rule), 0..4).prop_map(|mut rules| {
        let mut raised = Vec::new();
        for rule in &mut rules {
            if let Bound::Window {
                counter, raises, ..
            } = &mut rule.limit.bound
            {
                if raised.contains(counter) {
                    *raises = Box::default();
                }
                raised.push(*counter);
            }
        }
        // Two rates of one counter are an error in a rule file.
        let mut rates = Vec::new();
        rules.retain(|rule| match &rule.limit.bound {
            Bound::Rate { counter, .. } => {
                let is_new = !rates.contains(counter);
                rates.push(*counter);
                is_new
            }
            _ => true,
        });
        rules
    })
}
