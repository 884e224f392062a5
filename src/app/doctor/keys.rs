//! Keys that end soon: their holders' calls will be refused. Keys that sign and cannot be opened: all calls are.

use super::Findings;
use crate::{clock::Clock, model::SealedSigningKey, secret::MasterKeys, store::Changes};

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

/// Those that access tokens are signed with.
pub(super) fn examine_signing(changes: &Changes, master: &MasterKeys, findings: &mut Findings) {
    for SealedSigningKey { number, sealed, .. } in &changes.signing_keys {
        if let Err(error) = master.open(&SealedSigningKey::purpose(*number), sealed) {
            findings.problem(
                format!("signing key {number}"),
                format!("it cannot be opened, so nothing is answered: {error}"),
                "put its row back from a backup of the database; or `ringfence secrets rotate-signing-key --end-tokens` drops it \
                 with all others, and programs must log in again",
            );
        }
    }
}
