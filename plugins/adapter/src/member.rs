//! This VM's place among those of the proxy; see [`tollgate_core::limits::vms`].

use std::fmt;

use tollgate_core::limits::record::Vm;
use tollgate_core::limits::time::Now;
use tollgate_core::limits::vms::{TICK, Vms};

use crate::shared_data;

/// Where the table of VMs is kept.
const TABLE: &str = "tollgate.vms";

/// What this VM is to others, and who they are.
pub(crate) struct Member {
    pub(crate) vm: Vm,
    pub(crate) vms: Vms,
    beat: u64,
}

/// Why this VM has no place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lost {
    Unreadable,
    Full,
    Busy,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "the table of VMs is of another layout: nothing can be reserved",
            Self::Full => "the table of VMs is full: nothing can be reserved",
            Self::Busy => "the table of VMs was written by others all the time",
        })
    }
}

impl Member {
    /// Whether others still count on it.
    pub(crate) fn is_current(&self, now: Now) -> bool {
        now.monotonic.saturating_sub(self.beat) < TICK
    }

    /// Says that this VM is alive; it may be another one from now on.
    pub(crate) fn beat(before: Option<&Self>, now: Now) -> Result<Self, Lost> {
        let member = shared_data::update(TABLE, |found| {
            let vms = found.map_or(Ok(Vms::new(now.monotonic)), |value| {
                Vms::decode(value, now.monotonic)
            });
            let mut vms = vms.map_err(|_| Lost::Unreadable)?;
            let vm = vms.beat(before.map(|member| member.vm)).ok_or(Lost::Full)?;
            let beat = now.monotonic;
            Ok((vms.encode(), Self { vm, vms, beat }))
        })?;
        member.ok_or(Lost::Busy)
    }
}
