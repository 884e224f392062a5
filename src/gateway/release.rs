//! The way of an answer: forwarded, looked at, given out.

use std::time::Instant;

use super::{
    Gateway,
    answer::{self, Answered},
    authorize::Permit,
    denial::Denial,
    forward::{self, Answer},
    guard::{self, Guarded, Look},
    scope::{self, Ready},
};
use crate::{audit::Record, directory::Changing};

impl Gateway {
    /// Sends what may be sent. What it changes is known to be changing until it is over.
    pub(super) async fn forward(
        &self,
        ready: Ready,
        changing: Option<Changing>,
        record: &mut Record,
    ) -> Result<Answer, Denial> {
        let parts = &self.0.parts;
        let confirm = |permit: &Permit| self.confirm(permit);
        let (upstream, directory) = (&parts.upstream, &parts.directory);
        let sent = forward::forward(upstream, directory, self.against(), ready, record, confirm).await;
        // Whatever became of the change, also where this is never reached.
        drop(changing);
        sent
    }

    /// Only what is the caller's.
    pub(super) async fn check(&self, mut answer: Answer, record: &mut Record) -> Result<Guarded, Denial> {
        let answered = Instant::now();
        let confirm = |permit: &Permit| self.confirm(permit);
        let look = guard::look(self.against(), &answer);
        let (directory, (permit, owned)) = (&self.0.parts.directory, answer.held_against());
        if let Some(whole) = owned.whole() {
            Box::pin(scope::prove_again(directory, permit, whole, record, &confirm)).await?;
        }
        if look == Look::Shared {
            scope::identify_parts(directory, permit, owned, record, &confirm).await?;
        }
        let guarded = guard::guard(self.against(), answer, look, record)?;
        record.ended.durations_us.guard = Some(forward::microseconds(answered.elapsed()));
        Ok(guarded)
    }

    /// Only while it is permitted: what was withdrawn while upstream worked is not released.
    pub(super) fn give(&self, guarded: Guarded, record: &Record) -> Result<Answered, Denial> {
        let (permit, status, body) = guarded.into_parts();
        self.confirm(&permit)?;
        let mut response = answer::json(status, record.id(), body);
        answer::name_divisions(&mut response, permit.divisions());
        answer::name_masks(&mut response, permit.masks());
        Ok(response)
    }

    /// Whether a permit still holds.
    pub(super) fn confirm(&self, permit: &Permit) -> Result<(), Denial> {
        permit.confirm(&*self.views()?, &self.0.parts.clock)
    }
}
