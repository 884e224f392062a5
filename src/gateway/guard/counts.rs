//! What was not the tenant's own in an answer: counted, alarmed, and never told to the tenant.

use crate::{audit::Record, gateway::authorize::Permit};

/// What was not among the tenant's own.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::gateway) struct Counts {
    /// Entities that were taken out.
    pub(in crate::gateway) dropped: u64,
    /// Those of them that upstream had been told to leave out.
    pub(in crate::gateway) violations: u64,
    /// Those of them that do not say whose they are.
    pub(in crate::gateway) unjudged: u64,
}

impl Counts {
    pub(in crate::gateway) fn add(&mut self, other: Self) {
        self.dropped += other.dropped;
        self.violations += other.violations;
        self.unjudged += other.unjudged;
    }
}

/// Genesys shows as the tenant's what is not, and nothing of it is passed on.
pub(in crate::gateway) fn note_violation(permit: &Permit, record: &mut Record) {
    note(permit, Counts { dropped: 1, violations: 1, unjudged: 0 }, record);
}

/// Foreign entities are for auditors and alarms, never for the tenant.
pub(super) fn note(permit: &Permit, counts: Counts, record: &mut Record) {
    let Counts { dropped, violations, unjudged } = counts;
    let counted = |count: u64| (count > 0).then_some(count);
    record.ended.dropped = counted(dropped).or(record.ended.dropped);
    record.ended.violations = counted(violations).or(record.ended.violations);
    record.ended.unjudged = counted(unjudged).or(record.ended.unjudged);
    let alarm = |name: &'static str, count: u64, what: &str| {
        if count == 0 {
            return;
        }
        let operation = permit.operation().id.to_string();
        metrics::counter!(name, "operation" => operation.clone()).increment(count);
        let tenant = &permit.caller().tenant().tenant().id;
        tracing::error!(event.id = %record.id(), tenant.id = %tenant, operation.name = operation, count, "{what}");
    };
    alarm(
        "ringfence_isolation_violations_total",
        violations,
        "Genesys sent entities of other divisions although it was told to leave them out; they were dropped",
    );
    alarm(
        "ringfence_unjudged_entities_total",
        unjudged,
        "Genesys sent entities that do not say their division; they were dropped",
    );
}
