//! The values that workers share: what is written is read again, and nothing else is read.

use proptest::prelude::*;
use tollgate_core::limits::record::{Record, Vm};
use tollgate_core::limits::vms::{TICK, Vms};

proptest! {
    #[test]
    fn any_bytes_are_refused_or_are_exactly_a_record(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(record) = Record::decode(&bytes) {
            prop_assert_eq!(record.encode(), bytes);
        }
    }

    /// The same with a header that promises what follows.
    #[test]
    fn bytes_behind_a_header(counters in 0_u8..3, holds in 0_u8..3, rest in prop::collection::vec(any::<u8>(), 400)) {
        let length = 8 + usize::from(counters) * 104 + usize::from(holds) * 40;
        let mut bytes = vec![2, 0, counters, 0, holds, 0, 0, 0];
        bytes.extend_from_slice(&rest[..length]);
        // A rate's counter has no more than two numbers.
        if let Ok(record) = Record::decode(&bytes) {
            prop_assert_eq!(Record::decode(&record.encode()), Ok(record));
        }
        bytes.pop();
        prop_assert!(Record::decode(&bytes).is_err());
    }

    #[test]
    fn any_bytes_are_refused_or_are_exactly_a_table(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        if let Ok(vms) = Vms::decode(&bytes, 0) {
            prop_assert_eq!(vms.encode(), bytes);
        }
    }
}

/// The table after `now`, read again.
fn table(vms: &Vms, now: u64) -> Vms {
    Vms::decode(&vms.encode(), now).unwrap()
}

const fn vm(slot: u32, generation: u32) -> Vm {
    Vm { slot, generation }
}

#[test]
fn vms_join_beat_and_die() {
    let mut vms = table(&Vms::default(), TICK);
    assert_eq!(vms.beat(None), Some(vm(0, 1)));
    assert_eq!(vms.beat(None), Some(vm(1, 1)));
    for second in 2..5 {
        vms = table(&vms, second * TICK);
        assert_eq!(vms.beat(Some(vm(0, 1))), Some(vm(0, 1)));
        assert!(!vms.is_dead(vm(1, 1)), "three ticks are not too many");
    }
    vms = table(&vms, 4 * TICK + 1);
    assert!(vms.is_dead(vm(1, 1)));
    assert!(!vms.is_dead(vm(0, 1)));
    assert_eq!(vms.dead(), 1);
    // Its place is taken by the next; others have only to compare.
    assert_eq!(vms.beat(None), Some(vm(1, 2)));
    assert!(vms.is_dead(vm(1, 1)));
    assert!(!vms.is_dead(vm(1, 2)));
    assert_eq!(vms.dead(), 0);
}

#[test]
fn a_vm_that_was_blocked_is_another_one_afterwards() {
    let mut vms = table(&Vms::default(), TICK);
    let blocked = vms.beat(None);
    vms = table(&vms, 9 * TICK);
    assert_eq!(vms.beat(blocked), Some(vm(0, 2)));
    assert_eq!(vms.beat(blocked), Some(vm(1, 1)), "its place is another's");
}

/// Between its look at the clock and its beat another may look at the table, and bury what it holds.
#[test]
fn a_vm_takes_itself_for_dead_sooner_than_others_do() {
    let mut vms = table(&Vms::default(), TICK);
    let silent = vms.beat(None).unwrap();
    let mut late = table(&vms, 4 * TICK - TICK / 4);
    assert!(!late.is_dead(silent));
    assert_ne!(late.beat(Some(silent)), Some(silent));
    let mut in_time = table(&vms, 3 * TICK);
    assert_eq!(in_time.beat(Some(silent)), Some(silent));
}

#[test]
fn one_that_the_table_does_not_know_yet_is_alive() {
    let mut vms = table(&Vms::default(), TICK);
    vms.beat(None);
    assert!(!vms.is_dead(vm(7, 1)));
    assert!(!vms.is_dead(vm(0, 2)));
}

#[test]
fn a_lost_table_is_begun_anew() {
    let mut vms = table(&Vms::default(), TICK);
    assert_eq!(vms.beat(Some(vm(3, 9))), Some(vm(0, 1)));
}

#[test]
fn a_full_table_admits_nobody() {
    let mut vms = table(&Vms::default(), TICK);
    for _ in 0..4096 {
        assert!(vms.beat(None).is_some());
    }
    assert_eq!(vms.beat(None), None);
    let mut longer = vms.encode();
    longer.extend_from_slice(&[0; 12]);
    assert!(Vms::decode(&longer, TICK).is_err());
}
