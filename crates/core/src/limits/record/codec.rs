//! A record as bytes.
//!
//! Little-endian. Header (16 bytes): layout (u8), 0 (u8), counters, holds, 0 (u16 each), epoch (u64).
//! Then counters (104 bytes each): id (u64), then for a rate `back_at` and `cell` (u64), else two
//! buckets of start, opened (u64), used and raised (u128). Then holds (40 bytes each): VM slot (u32), its
//! generation (u32), counter (u64), start (u64), amount (u128).

use super::{Bucket, Counter, Hold, Record, State, Vm};
use crate::limits::counter::CounterId;
use crate::limits::rate;

/// The layout that is written. A reader leaves every other alone.
const LAYOUT: u8 = 2;
const HEADER: usize = 16;
const COUNTER: usize = 104;
const HOLD: usize = 40;

/// A value that can't be read: of another layout, or cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl Record {
    /// # Errors
    /// Where a single byte is not as this layout has it.
    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        Reader(bytes).record().ok_or(Unreadable)
    }

    /// The value to share.
    pub fn encode(&self) -> Vec<u8> {
        let counters = self.counters.len().saturating_mul(COUNTER);
        let holds = self.holds.len().saturating_mul(HOLD);
        let length = HEADER.saturating_add(counters).saturating_add(holds);
        let mut writer = Writer(Vec::with_capacity(length));
        writer.0.extend_from_slice(&[LAYOUT, 0]);
        for count in [self.counters.len(), self.holds.len(), 0] {
            writer.u16(u16::try_from(count).unwrap_or(u16::MAX));
        }
        writer.u64(self.epoch);
        for counter in &self.counters {
            writer.counter(counter);
        }
        for hold in &self.holds {
            writer.u32(hold.vm.slot);
            writer.u32(hold.vm.generation);
            writer.u64(hold.counter.to_bits());
            writer.u64(hold.start);
            writer.u128(hold.amount);
        }
        writer.0
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn record(mut self) -> Option<Record> {
        if self.take()? != [LAYOUT, 0] {
            return None;
        }
        let (counters, holds) = (self.u16()?, self.u16()?);
        self.u16().filter(|&reserved| reserved == 0)?;
        let epoch = self.u64()?;
        let counters: Option<_> = (0..counters).map(|_| self.counter()).collect();
        let holds: Option<_> = (0..holds).map(|_| self.hold()).collect();
        let record = Record {
            epoch,
            counters: counters?,
            holds: holds?,
        };
        self.0.is_empty().then_some(record)
    }

    fn counter(&mut self) -> Option<Counter> {
        let id = CounterId::from_bits(self.u64()?);
        let state = if id.is_rate() {
            let state = rate::State {
                back_at: self.u64()?,
                cell: self.u64()?,
            };
            self.take::<80>()?;
            State::Rate(state)
        } else {
            State::Windows([self.bucket()?, self.bucket()?])
        };
        Some(Counter { id, state })
    }

    fn bucket(&mut self) -> Option<Bucket> {
        Some(Bucket {
            start: self.u64()?,
            opened: self.u64()?,
            used: self.u128()?,
            raised: self.u128()?,
        })
    }

    fn hold(&mut self) -> Option<Hold> {
        Some(Hold {
            vm: Vm {
                slot: self.u32()?,
                generation: self.u32()?,
            },
            counter: CounterId::from_bits(self.u64()?),
            start: self.u64()?,
            amount: self.u128()?,
        })
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn u128(&mut self) -> Option<u128> {
        self.take().map(u128::from_le_bytes)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn counter(&mut self, counter: &Counter) {
        self.u64(counter.id.to_bits());
        match counter.state {
            State::Rate(state) => {
                self.u64(state.back_at);
                self.u64(state.cell);
                self.0.extend_from_slice(&[0; 80]);
            }
            State::Windows(buckets) => {
                for bucket in buckets {
                    self.u64(bucket.start);
                    self.u64(bucket.opened);
                    self.u128(bucket.used);
                    self.u128(bucket.raised);
                }
            }
        }
    }

    fn u16(&mut self, number: u16) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn u32(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn u128(&mut self, number: u128) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }
}
