//! What is usual for models, shared between VMs on the tick.

use tollgate_core::limits::learning::{Learning, Subject};
use tollgate_core::limits::shared::MOST_TRIES;
use tollgate_core::policy::Policy;

use crate::accounts::{read, write};

/// Values that are written in each tick, and that are read: in turn, if there are more.
const AT_A_TIME: usize = 32;

fn key(subject: &Subject) -> String {
    format!("tollgate.learned.{subject}")
}

/// Adds what this VM has seen to what all share.
pub(crate) fn tell(learning: &mut Learning) {
    for subject in learning.unshared(AT_A_TIME) {
        let key = key(&subject);
        for _ in 0..MOST_TRIES {
            let Some((seen, cas)) = learning.merged(&subject, read(&key)) else {
                log::warn!("what is learned of {subject} can't be read, and is left alone");
                break;
            };
            if write(&key, &seen.encode(), cas) {
                learning.shared(&subject, seen);
                break;
            }
        }
    }
}

/// Reads what others have seen of the policy's models, from this one on; returns which is next.
pub(crate) fn hear(learning: &mut Learning, policy: &Policy, from: usize) -> usize {
    let mut heard: usize = 0;
    for (_, model) in policy.models().skip(from).take(AT_A_TIME) {
        heard = heard.saturating_add(1);
        learning.hear(&model.name, read(&key(&Subject::model(&model.name))));
    }
    match heard {
        AT_A_TIME => from.saturating_add(heard),
        _ => 0,
    }
}
