//! What is usual for models, shared between VMs on the tick.

use tollgate_core::limits::learning::{Learning, Subject};
use tollgate_core::limits::record::Unreadable;
use tollgate_core::policy::Policy;

use crate::shared_data;

/// Values that are written in each tick, and that are read: in turn, if there are more.
const AT_A_TIME: usize = 32;

fn key(subject: &Subject) -> String {
    format!("tollgate.learned.{subject}")
}

/// Adds what this VM has seen to what all share.
pub(crate) fn share(learning: &mut Learning) {
    for subject in learning.unshared(AT_A_TIME) {
        let merged = shared_data::update(&key(&subject), |found| {
            let seen = learning.merged(&subject, found).ok_or(Unreadable)?;
            Ok((seen.encode(), seen))
        });
        match merged {
            Ok(Some(seen)) => learning.shared(&subject, seen),
            // With the next tick.
            Ok(None) => {}
            Err(Unreadable) => {
                log::warn!("what is learned of {subject} can't be read, and is left alone");
            }
        }
    }
}

/// Reads what others have seen of the policy's models, from this one on; returns which is next.
pub(crate) fn refresh(learning: &mut Learning, policy: &Policy, from: usize) -> usize {
    let mut read: usize = 0;
    for (_, model) in policy.models().skip(from).take(AT_A_TIME) {
        read = read.saturating_add(1);
        let found = shared_data::read(&key(&Subject::model(&model.name)));
        learning.refresh(&model.name, found.as_ref().map(|(value, _)| &**value));
    }
    match read {
        AT_A_TIME => from.saturating_add(read),
        _ => 0,
    }
}
