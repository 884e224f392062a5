//! What is counted of each request. Handles are kept: to look a metric up by its labels costs more than to count.

use std::{collections::HashMap, sync::Arc, time::Duration};

use metrics::{Counter, Histogram};

use crate::catalog::Catalog;

/// Made after the metrics recorder is installed.
pub(super) struct Meters {
    // Of those that ended well, which are nearly all.
    answered: HashMap<Arc<str>, Counter>,
    duration: Histogram,
}

impl Meters {
    pub(super) fn new(catalog: &Catalog) -> Self {
        let ids = catalog.operations().iter().map(|operation| Arc::clone(&operation.id));
        let answered = ids.map(|id| (Arc::clone(&id), requests(id, "ok"))).collect();
        Self { answered, duration: metrics::histogram!("ringfence_request_duration_seconds") }
    }

    /// Labelled by the catalog's words, never by the path or the tenant.
    pub(super) fn count(&self, operation: Arc<str>, code: &'static str, took: Duration) {
        self.duration.record(took);
        match self.answered.get(&operation) {
            Some(counter) if code == "ok" => counter.increment(1),
            Some(_) | None => requests(operation, code).increment(1),
        }
    }
}

/// Counts what came no further than the door, and so took no time.
pub(super) fn count_at_door(code: &'static str) {
    requests(Arc::from("none"), code).increment(1);
}

fn requests(operation: Arc<str>, code: &'static str) -> Counter {
    metrics::counter!("ringfence_requests_total", "operation" => operation, "outcome" => code)
}
