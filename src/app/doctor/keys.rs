//! Keys that end soon: their holders' calls will be refused.

use super::Findings;
use crate::{clock::Clock, store::Changes};

pub(super) fn examine(changes: &Changes, clock: &Clock, findings: &mut Findings) {
    let now = clock.now();
    let ending = changes.keys.iter().filter_map(|key| Some((key, key.ends_soon(now)?)));
    // One that was followed by another is to end.
    for (key, end) in ending.filter(|(key, _)| key.successor.is_none()) {
        findings.warn(
            format!("key {} of tenant {}", key.id, key.tenant_id),
            format!("`{}` ends at {end}", key.name),
            "`ringfence key rotate` puts another in its place, and both work for a while",
        );
    }
}
