//! What goes on although its caller left.

use std::panic::{AssertUnwindSafe, resume_unwind};

use futures_util::{FutureExt, future::BoxFuture};
use tracing::{Instrument, Span};

use super::{Gateway, denial::Failure};
use crate::audit::Record;

impl Gateway {
    /// Does some work in a task of its own. The record goes along, and ends as `aborted` there where nobody waits for it any
    /// more; so do the places that the request holds.
    pub(super) async fn outlive<T: Send + 'static>(
        &self,
        places: impl Send + 'static,
        record: &mut Record,
        work: impl for<'r> FnOnce(Self, &'r mut Record) -> BoxFuture<'r, T> + Send + 'static,
    ) -> Result<T, Failure> {
        let (gateway, mut lent) = (self.clone(), record.lend());
        let work = async move {
            let done = AssertUnwindSafe(work(gateway, &mut lent)).catch_unwind().await;
            drop(places);
            (lent, done)
        };
        // An error: the process ends before the task did.
        let Ok((lent, done)) = self.0.outliving.spawn(work.instrument(Span::current())).await else {
            return Err(Failure::EffectUnknown);
        };
        *record = lent;
        Ok(done.unwrap_or_else(|panic| resume_unwind(panic)))
    }

    /// Waits for all of it; to be called when no more requests come.
    pub async fn finish(&self) {
        self.0.outliving.close();
        self.0.outliving.wait().await;
    }
}
