//! The first call with a key goes its way whoever waits for it; those that follow are told how it ended.

use std::sync::Arc;

use super::{
    Repeat,
    kept::{self, Basis},
};
use crate::{
    audit::Record,
    directory::Changing,
    gateway::{
        Gateway,
        answer::Answered,
        authorize::Permit,
        denial::{Denial, Failure},
        guard::{self, Guarded},
        refused::Refused,
        registry::Change,
        scope::{Ready, Unclaimed},
    },
    model::{Claim, ClaimState},
};

/// What became of a call that was to be claimed.
enum Once {
    /// It was made.
    Made(Box<Guarded>),
    /// Somebody has the claim.
    Taken(Box<(Permit, Claim)>),
}

impl Gateway {
    /// The answer to a call that was sent before; none where it is the first one.
    pub(in crate::gateway) async fn repeated(
        &self,
        claim: &Claim,
        permit: &Permit,
        record: &mut Record,
    ) -> Result<Option<Answered>, Refused> {
        let parts = &self.0.parts;
        let not_recorded = |_| Failure::NotRecorded;
        let Some(first) = parts.audit.claimed(claim).await.map_err(not_recorded)? else {
            let may = parts.audit.may_claim(&claim.tenant_id).await.map_err(not_recorded)?;
            return if may { Ok(None) } else { Err(Repeat::TooMany.into()) };
        };
        record.ended.repeats = Some(first.call.clone());
        if first.fingerprint != claim.fingerprint {
            return Err(Repeat::Reused.into());
        }
        let sealed = match first.state {
            ClaimState::Open => return Err(Repeat::InProgress.into()),
            ClaimState::Unknown => return Err(Repeat::EffectUnknown.into()),
            ClaimState::Kept(sealed) => sealed,
        };
        let Some(kept) = kept::open(&parts.claim_key, claim, &first.call, &sealed) else {
            tracing::error!(event.id = %first.call, "what was kept of a claimed call was altered");
            return Err(Repeat::EffectUnknown.into());
        };
        // It was looked for meanwhile.
        permit.confirm(&*self.views()?, &parts.clock)?;
        kept.answer(permit, record.id()).map(Some)
    }

    /// Claims a call and makes it, in a task of its own: a caller that leaves is one that comes back.
    pub(in crate::gateway) async fn make_once(
        &self,
        unclaimed: Unclaimed,
        (registering, changing): (Option<Change>, Option<Changing>),
        places: impl Send + 'static,
        record: &mut Record,
    ) -> Result<Answered, Refused> {
        let operation = Arc::clone(unclaimed.permit().operation());
        let once = self.outlive(places, record, move |gateway, record| {
            Box::pin(async move { gateway.claim_and_make(unclaimed, registering, changing, record).await })
        });
        match once.await?? {
            Once::Made(guarded) => {
                let given = self.give(*guarded, record);
                given.map_err(|denial| guard::settle(&operation, denial, record).into())
            }
            Once::Taken(taken) => {
                let (permit, claim) = *taken;
                let first = self.repeated(&claim, &permit, record).await?;
                // It was given back meanwhile.
                first.ok_or_else(|| Repeat::InProgress.into())
            }
        }
    }

    async fn claim_and_make(
        &self,
        unclaimed: Unclaimed,
        registering: Option<Change>,
        changing: Option<Changing>,
        record: &mut Record,
    ) -> Result<Once, Denial> {
        let (claim, basis) = (unclaimed.claimed_by().clone(), Basis::of(unclaimed.permit()));
        let ready = match unclaimed.claim(record).await.map_err(|_| Failure::NotRecorded)? {
            Ok(ready) => ready,
            Err(permit) => return Ok(Once::Taken(Box::new((permit, claim)))),
        };
        let made = self.forward_and_check(ready, registering, changing, record).await;
        let (parts, call) = (&self.0.parts, record.id());
        let is_answered = record.ended.upstream_status.is_some();
        let settled = kept::settled(&parts.claim_key, (&claim, call), basis, made.as_ref(), is_answered);
        // Before it is answered: who was told how it ended is told the same again.
        parts.audit.settle(&claim, call, &settled).await;
        made.map(|guarded| Once::Made(Box::new(guarded)))
    }

    async fn forward_and_check(
        &self,
        ready: Ready,
        registering: Option<Change>,
        changing: Option<Changing>,
        record: &mut Record,
    ) -> Result<Guarded, Denial> {
        let answer = match registering {
            Some(change) => self.change_registry(change, ready, changing, record).await?,
            None => self.forward(ready, changing, record).await?,
        };
        let operation = Arc::clone(answer.permit().operation());
        let checked = self.check(answer, record).await;
        checked.map_err(|denial| guard::settle(&operation, denial, record))
    }
}
