//! The VMs of this proxy, one for each worker and one for its main thread, in a table that all of
//! them share: who is alive, so that what a dead one held can be told from what is in use.
//!
//! A VM that traps ends its streams without a callback, and a new one takes its place. A VM is
//! dead once another has its place, or once it was silent for three ticks. One that was blocked for
//! that long and finds itself taken for dead joins anew.
//!
//! Little-endian: layout (u8), three zeros, then each slot's generation (u32) and last beat (u64).

use super::record::{Unreadable, Vm};
use super::time::{Monotonic, SECOND};

/// Nanoseconds between two beats of a VM.
pub const TICK: u64 = SECOND;

/// How long a VM may be silent.
const SILENCE: u64 = 3 * TICK;

/// How much sooner a VM takes itself for dead: between its look at the clock and its beat, others may
/// look at the table.
const MARGIN: u64 = TICK / 2;

const HEADER: [u8; 4] = [1, 0, 0, 0];

/// Slots that a table may have; an Envoy has one VM for each worker.
const MOST_SLOTS: usize = 4096;

/// The table as it was read at some moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vms {
    slots: Vec<Slot>,
    read_at: Monotonic,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    generation: u32,
    beat: Monotonic,
}

impl Vms {
    /// Nobody, at this moment.
    pub fn new(now: Monotonic) -> Self {
        Self {
            slots: Vec::new(),
            read_at: now,
        }
    }

    /// # Errors
    /// Where it is not as this layout has it.
    pub fn decode(bytes: &[u8], now: Monotonic) -> Result<Self, Unreadable> {
        let rest = bytes.strip_prefix(&HEADER).ok_or(Unreadable)?;
        let (slots, rest) = rest.as_chunks::<12>();
        if !rest.is_empty() || slots.len() > MOST_SLOTS {
            return Err(Unreadable);
        }
        let slots = slots.iter().map(|&[a, b, c, d, beat @ ..]| Slot {
            generation: u32::from_le_bytes([a, b, c, d]),
            beat: u64::from_le_bytes(beat),
        });
        Ok(Self {
            slots: slots.collect(),
            read_at: now,
        })
    }

    /// The value to share.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        for slot in &self.slots {
            bytes.extend_from_slice(&slot.generation.to_le_bytes());
            bytes.extend_from_slice(&slot.beat.to_le_bytes());
        }
        bytes
    }

    /// Says that `vm` is alive, and returns what it is from now on: another one if it is new, was
    /// replaced, or was silent for so long that others may have taken it for dead.
    ///
    /// `None` if every slot is in use.
    pub fn beat(&mut self, vm: Option<Vm>) -> Option<Vm> {
        let now = self.read_at;
        let alive = vm.filter(|&vm| {
            let slot = self.slot(vm.slot);
            let soon = now.saturating_add(MARGIN);
            slot.is_some_and(|s| s.generation == vm.generation && !s.is_silent(soon))
        });
        let Some(vm) = alive else {
            return self.join();
        };
        for slot in self.slot_mut(vm.slot) {
            slot.beat = now;
        }
        Some(vm)
    }

    /// Whether what this VM holds is lost. One that the table does not know yet is alive.
    pub fn is_dead(&self, vm: Vm) -> bool {
        self.slot(vm.slot).is_some_and(|slot| {
            vm.generation < slot.generation
                || (vm.generation == slot.generation && slot.is_silent(self.read_at))
        })
    }

    /// How many slots are held by no living VM.
    pub fn dead(&self) -> usize {
        let slots = self.slots.iter();
        slots.filter(|slot| slot.is_silent(self.read_at)).count()
    }

    fn join(&mut self) -> Option<Vm> {
        let now = self.read_at;
        let free = self.slots.iter().position(|slot| slot.is_silent(now));
        let index = free.unwrap_or(self.slots.len());
        if index >= MOST_SLOTS {
            return None;
        }
        if free.is_none() {
            self.slots.push(Slot {
                generation: 0,
                beat: now,
            });
        }
        let slot = u32::try_from(index).ok()?;
        let entry = self.slot_mut(slot).next()?;
        entry.generation = entry.generation.checked_add(1)?;
        entry.beat = now;
        Some(Vm {
            slot,
            generation: entry.generation,
        })
    }

    fn slot(&self, slot: u32) -> Option<&Slot> {
        self.slots.get(usize::try_from(slot).ok()?)
    }

    fn slot_mut(&mut self, slot: u32) -> impl Iterator<Item = &mut Slot> {
        let index = usize::try_from(slot).unwrap_or(usize::MAX);
        self.slots.iter_mut().skip(index).take(1)
    }
}

impl Slot {
    fn is_silent(&self, now: Monotonic) -> bool {
        now.saturating_sub(self.beat) > SILENCE
    }
}
