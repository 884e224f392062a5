//! A change is sent only while it was known a moment ago that what it changes is the tenant's own.

use futures_util::{StreamExt, TryStreamExt, stream};
use http::StatusCode;

use super::{
    Received, denial,
    several::{Stopped, Way},
};
use crate::{
    directory::{Asker, Directory, LookupError},
    gateway::{
        denial::{Denial, Failure, Limited},
        guard::{self, UpstreamRefusal},
        scope::Proof,
    },
    upstream::{Behalf, Effect, Share, UpstreamError, UpstreamRequest},
};

/// How many are looked up again beside each other.
const LOOKUPS_AT_ONCE: usize = 8;
/// How often what had to wait is looked up again.
const ATTEMPTS: u32 = 3;

/// Sends a change, once. Where it had to wait for so long that what it names may have been moved meanwhile, that is
/// looked up again.
pub(super) async fn change(
    way: &Way<'_>,
    directory: &Directory,
    request: UpstreamRequest,
    mut proofs: Vec<Proof>,
) -> Result<Received, Stopped> {
    let tenant = way.permit.caller().tenant();
    let share = Share::Of(&tenant.tenant().id, tenant.portion());
    for _ in 0..ATTEMPTS {
        let holds = || (way.holds)() && proofs.iter().all(Proof::is_fresh);
        let behalf = Behalf { confirm: &holds, ..way.behalf(share) };
        let sent = way.upstream.send(behalf, request.clone(), Effect::Writes).await;
        let is_stale = matches!(sent, Err(UpstreamError::Withdrawn)) && !proofs.iter().all(Proof::is_fresh);
        if !is_stale || !(way.holds)() {
            return Ok(Received::One(sent?));
        }
        let stale = stream::iter(std::mem::take(&mut proofs));
        let renewed = stale.map(|proof| async move { renew(way, directory, &proof).await });
        proofs = renewed.buffered(LOOKUPS_AT_ONCE).try_collect().await?;
    }
    Err(Denial::from(Failure::UpstreamTimedOut).into())
}

async fn renew(way: &Way<'_>, directory: &Directory, proof: &Proof) -> Result<Proof, Stopped> {
    let tenant = way.permit.caller().tenant();
    let asker = Asker {
        tenant: &tenant.tenant().id,
        account: tenant.account(),
        portion: tenant.portion(),
        until: way.permit.until(),
        registry: tenant.registry(),
        confirm: way.holds,
    };
    let found = Proof::find(directory, asker, way.permit.granted(), (proof.entity, &proof.id)).await;
    let (again, body) = found.map_err(|error| unanswered(error, way))?.ok_or(Denial::NotFound)?;
    // Sent now, it would undo what another changed meanwhile.
    let changed = || Denial::UpstreamRefused(UpstreamRefusal::read(StatusCode::CONFLICT, b""));
    Ok(proof.renewed(again, &body).ok_or_else(changed)?)
}

/// A lookup without a verdict. The change itself was not sent.
fn unanswered(error: LookupError, way: &Way<'_>) -> Stopped {
    match error {
        LookupError::Upstream(UpstreamError::Withdrawn) => Stopped::Failed(UpstreamError::Withdrawn),
        LookupError::Upstream(error) => {
            let denial = denial(&error, Effect::Reads);
            let is_there = guard::withheld(&denial).is_some();
            Stopped::Denied(if is_there { Denial::NotFound } else { denial })
        }
        LookupError::Limited(wait) => Stopped::Denied(Limited::told(wait).into()),
        LookupError::TooMany | LookupError::Unknown(_) | LookupError::Store(_) | LookupError::Overtaken => {
            Stopped::Denied(Failure::Internal.into())
        }
        LookupError::Refused(status) => Stopped::Denied(guard::failure(way.permit.operation(), status)),
    }
}
