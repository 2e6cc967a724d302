//! What is usual: learned from enough, clamped, and shared between VMs.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tollgate_core::limits::learning::{Learned, Learning, Observation, Seen, Subject};

fn observation(output_tokens: u64) -> Observation {
    Observation {
        prompt_bytes: 300,
        prompt_tokens: 100,
        output_tokens,
        milliseconds: 2000,
    }
}

fn observe(learning: &mut Learning, times: usize, output_tokens: u64) {
    for _ in 0..times {
        learning.observe("m", None, observation(output_tokens));
    }
}

#[test]
fn what_is_usual_is_learned_from_enough() {
    let mut learning = Learning::default();
    observe(&mut learning, 15, 500);
    assert_eq!(learning.of("m", None), Learned::default());
    observe(&mut learning, 80, 500);
    observe(&mut learning, 5, 3000);
    let learned = learning.of("m", None);
    assert_eq!(learned.bytes_per_token, 3 * 256);
    assert_eq!(learned.output_p95, 511);
    assert!((600..=625).contains(&learned.output_mean), "{learned:?}");
    assert_eq!(learned.duration_mean, 2000);
    observe(&mut learning, 12, 3000);
    assert_eq!(learning.of("m", None).output_p95, 3071);
    assert_eq!(learning.of("other", None), Learned::default());
}

#[test]
fn nothing_is_believed_beyond_a_factor_of_four() {
    let mut learning = Learning::default();
    observe(&mut learning, 100, 0);
    let learned = learning.of("m", None);
    assert_eq!((learned.output_p95, learned.output_mean), (256, 64));
    observe(&mut learning, 5000, 1 << 40);
    let learned = learning.of("m", None);
    assert_eq!((learned.output_p95, learned.output_mean), (4096, 1024));
}

#[test]
fn the_pace_is_as_seen_but_no_slower_than_a_quarter_of_the_usual() {
    let observed = |output_tokens, milliseconds| {
        let mut learning = Learning::default();
        for _ in 0..100 {
            let observation = Observation {
                milliseconds,
                ..observation(output_tokens)
            };
            learning.observe("m", None, observation);
        }
        learning.of("m", None)
    };
    // Four tokens in 50 ms are 64, the least that is believed, in 800.
    assert_eq!(observed(4, 50).output_within(50), 4);
    assert_eq!(observed(5000, 20_000).output_within(20_000), 5000);
    // Sixteen tokens a second.
    assert_eq!(observed(100, 600_000).output_within(1000), 16);
}

#[test]
fn what_was_made_while_waiting() {
    let learned = Learned::default();
    assert_eq!(learned.output_within(0), 0);
    assert_eq!(learned.output_within(2000), 128);
    assert_eq!(learned.output_within(8000), 512);
    assert_eq!(learned.tokens(0), 1);
    assert_eq!(learned.tokens(401), 101);
}

#[test]
fn an_organization_with_enough_of_its_own_is_known_by_that() {
    let mut learning = Learning::default();
    for _ in 0..63 {
        learning.observe("m", Some("terse"), observation(300));
    }
    observe(&mut learning, 100, 3000);
    assert_eq!(learning.of("m", Some("terse")).output_p95, 3071);
    learning.observe("m", Some("terse"), observation(300));
    assert_eq!(learning.of("m", Some("terse")).output_p95, 319);
    assert_eq!(learning.of("m", Some("other")).output_p95, 3071);
}

/// A store with one value for each subject, as Envoy's shared data has it.
#[derive(Default)]
struct Store(std::collections::BTreeMap<String, Vec<u8>>);

impl Store {
    fn share(&mut self, learning: &mut Learning) {
        for subject in learning.unshared(100) {
            let found = self.0.get(&subject.to_string());
            let seen = learning.merged(&subject, found.map(|value| &**value));
            let seen = seen.unwrap();
            self.0.insert(subject.to_string(), seen.encode());
            learning.shared(&subject, seen);
        }
    }

    fn of(&self, model: &str) -> Option<&[u8]> {
        let value = self.0.get(&Subject::model(model).to_string())?;
        Some(value)
    }
}

#[test]
fn what_one_vm_sees_others_know_and_nothing_counts_twice() {
    let (mut store, mut one, mut two) =
        (Store::default(), Learning::default(), Learning::default());
    observe(&mut one, 10, 300);
    observe(&mut two, 10, 600);
    for _ in 0..3 {
        store.share(&mut one);
        store.share(&mut two);
    }
    let mut alone = Learning::default();
    observe(&mut alone, 10, 300);
    observe(&mut alone, 10, 600);
    assert_eq!(two.of("m", None), alone.of("m", None));
    assert_eq!(
        one.of("m", None),
        Learned::default(),
        "it has seen 10 itself"
    );
    one.refresh("m", store.of("m"));
    assert_eq!(one.of("m", None), alone.of("m", None));
    let mut third = Learning::default();
    third.refresh("m", store.of("m"));
    assert_eq!(third.of("m", None), alone.of("m", None));
}

#[test]
fn a_host_that_loses_it_is_told_again_what_all_know() {
    let (mut store, mut one, mut two) =
        (Store::default(), Learning::default(), Learning::default());
    observe(&mut one, 100, 300);
    store.share(&mut one);
    two.refresh("m", store.of("m"));
    store.0.clear();
    observe(&mut two, 1, 300);
    store.share(&mut two);
    observe(&mut one, 1, 300);
    store.share(&mut one);
    let mut alone = Learning::default();
    observe(&mut alone, 102, 300);
    assert_eq!(one.of("m", None), alone.of("m", None));
}

#[test]
fn a_value_of_another_layout_is_left_alone() {
    let mut learning = Learning::default();
    observe(&mut learning, 100, 300);
    let subject = learning.unshared(1).remove(0);
    let mut newer = Seen::default().encode();
    newer[0] = 2;
    assert!(learning.merged(&subject, Some(&newer)).is_none());
    let known = learning.of("m", None);
    learning.refresh("m", Some(&newer));
    assert_eq!(learning.of("m", None), known);
}

#[test]
fn all_are_shared_in_turn() {
    let mut learning = Learning::default();
    let mut told = BTreeSet::new();
    for _tick in 0..2 {
        for model in 0..40 {
            learning.observe(&format!("m{model}"), None, observation(10));
        }
        for subject in learning.unshared(32) {
            let seen = learning.merged(&subject, None).unwrap();
            told.insert(subject.to_string());
            learning.shared(&subject, seen);
        }
    }
    assert_eq!(told.len(), 40);
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_are_exactly_what_was_seen(
        mut bytes in prop::collection::vec(any::<u8>(), 550..570),
        is_headed: bool,
    ) {
        if is_headed {
            bytes[..8].copy_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0]);
        }
        if let Ok(seen) = Seen::decode(&bytes) {
            prop_assert_eq!(seen.encode(), &*bytes);
            let mut learning = Learning::default();
            learning.refresh("m", Some(&bytes));
            let learned = learning.of("m", None);
            prop_assert!(learned.output_p95 >= 256 && learned.output_p95 <= 4096);
            prop_assert!(learned.duration_mean >= 1);
        }
    }
}
