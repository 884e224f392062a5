//! What a request names must be the tenant's own: looked up before anything else is sent.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use crate::{
    audit::Record,
    catalog::{Entity, Narrowing, Operation},
    directory::{Asker, Change, Directory, Found, LookupError, Member, Within, is_id},
    gateway::{
        asked::{Asked, Body},
        authorize::Permit,
        denial::{Denial, Failure, Invalid, Limited},
        forward, guard,
        query::Query,
    },
    model::DivisionId,
    upstream::{Effect, UpstreamError},
};

/// How long a write relies on what was looked up for it.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// How many of what a body names are looked up beside each other.
const LOOKUPS_AT_ONCE: usize = 8;
/// Nothing has it.
pub(super) const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// What had to be the tenant's own is. Made here alone.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Proven {
    /// What a write changes, as it was just now.
    pub(super) object: Option<Object>,
    /// All that the tenant has of the kind that a query is narrowed by, in order.
    pub(super) members: Vec<Member>,
    /// All that a write names.
    pub(super) proofs: Vec<Proof>,
}

/// Where something that a write names was, and when that was asked.
#[derive(Debug)]
pub(in crate::gateway) struct Proof {
    pub(in crate::gateway) entity: Entity,
    pub(in crate::gateway) id: String,
    pub(in crate::gateway) within: Within,
    /// As it was, where what is sent is made from that.
    made_from: Option<Bytes>,
    asked: Instant,
}

impl Proof {
    /// Asks where something is that is the tenant's own; whatever else it is, it is not there.
    pub(in crate::gateway) async fn find(
        directory: &Directory,
        whom: Asker<'_>,
        granted: &[DivisionId],
        (entity, id): (Entity, &str),
    ) -> Result<Option<(Self, Bytes)>, LookupError> {
        let asked = Instant::now();
        let found = directory.fresh(whom, entity, id).await?;
        Ok(found.filter(|found| directory.is_own(&found.within, granted)).map(|Found { within, body }| {
            (Self { entity, id: id.to_owned(), within, made_from: None, asked }, body)
        }))
    }

    /// Relies on what was found now; not where the change was made for another place, or from something else.
    pub(in crate::gateway) fn renewed(&self, again: Self, body: &Bytes) -> Option<Self> {
        let is_as_it_was = self.made_from.as_ref().is_none_or(|made_from| made_from == body);
        let stands = again.within == self.within && is_as_it_was;
        stands.then(|| Self { made_from: self.made_from.clone(), ..again })
    }

    /// Whether it can be relied on still: things are moved.
    pub(in crate::gateway) fn is_fresh(&self) -> bool {
        self.asked.elapsed() < FRESH_FOR
    }
}

/// What a write changes.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) within: Within,
    pub(super) body: Bytes,
}

/// Looks up what the path names and the body refers to, where the operation asks for it: for writes anew.
pub(in crate::gateway) async fn prove(
    directory: &Directory,
    permit: &Permit,
    asked: &Asked<'_>,
    record: &mut Record,
    confirm: &(impl Fn(&Permit) -> Result<(), Denial> + Sync),
) -> Result<Proven, Denial> {
    let operation = permit.operation();
    if let Narrowing::Membership { entity, .. } = &operation.narrowing {
        return Box::pin(members(directory, permit, *entity, record, confirm)).await;
    }
    if operation.narrowing.looked_up().next().is_none() && asked.references(operation).is_empty() {
        return Ok(Proven::default());
    }
    // Boxed: nearly all requests do without, and would carry its size.
    Box::pin(look_up(directory, permit, asked, record, confirm)).await
}

/// All that the tenant has of a kind in the divisions that the request is narrowed to.
async fn members(
    directory: &Directory,
    permit: &Permit,
    entity: Entity,
    record: &mut Record,
    confirm: &(impl Fn(&Permit) -> Result<(), Denial> + Sync),
) -> Result<Proven, Denial> {
    confirm(permit)?;
    let holds = || confirm(permit).is_ok();
    let (whom, divisions) = (on_behalf_of(permit, &holds), permit.divisions());
    let found = if entity == Entity::User {
        // What users do they do for whoever they serve: only of those who serve nobody else it is the tenant's own.
        let tenant = permit.caller().tenant().tenant();
        if !tenant.dedicated_agents {
            return Err(Denial::AgentsNotDedicated);
        }
        directory.users_since(whom, tenant, divisions).await
    } else {
        let member = |id| Member { id, since: None };
        directory.all(whom, entity, divisions).await.map(|all| all.ids().into_iter().map(member).collect())
    };
    let members = found.map_err(|error| unanswered(&error, permit, record, confirm))?;
    Ok(Proven { members, ..Proven::default() })
}

async fn look_up(
    directory: &Directory,
    permit: &Permit,
    asked: &Asked<'_>,
    record: &mut Record,
    confirm: &(impl Fn(&Permit) -> Result<(), Denial> + Sync),
) -> Result<Proven, Denial> {
    let mut proven = Proven::default();
    let operation = permit.operation();
    confirm(permit)?;
    let holds = || confirm(permit).is_ok();
    let whom = on_behalf_of(permit, &holds);
    let mut failed = |error: LookupError| unanswered(&error, permit, record, confirm);
    for (name, entity) in operation.narrowing.looked_up() {
        let id = path_id(asked, name)?;
        if operation.is_write() {
            let found = Proof::find(directory, whom, permit.granted(), (entity, id)).await;
            let (mut proof, body) = found.map_err(&mut failed)?.ok_or(Denial::NotFound)?;
            if proven.object.is_none() {
                proof.made_from = is_made_from_what_stands(asked, operation).then(|| body.clone());
                proven.object = Some(Object { within: proof.within.clone(), body });
            }
            proven.proofs.push(proof);
        } else {
            let within = directory.within(whom, entity, id).await.map_err(&mut failed)?;
            within.filter(|within| directory.is_own(within, permit.granted())).ok_or(Denial::NotFound)?;
        }
    }
    let references = asked.references(operation).into_iter();
    let references: Vec<_> = references.map(|(entity, id)| (entity, id.to_owned())).collect();
    let found = stream::iter(references).map(|(entity, id)| async move {
        Proof::find(directory, whom, permit.granted(), (entity, &id)).await
    });
    let found: Vec<_> = found.buffered(LOOKUPS_AT_ONCE).collect().await;
    for one in found {
        proven.proofs.push(one.map_err(&mut failed)?.ok_or(Denial::NotFound)?.0);
    }
    Ok(proven)
}

/// Looks once more at what the parts of an answer are of: while Genesys worked, others may have come to have a part in it.
pub(in crate::gateway) async fn prove_again(
    directory: &Directory,
    permit: &Permit,
    whole: &str,
    record: &mut Record,
    confirm: &(impl Fn(&Permit) -> Result<(), Denial> + Sync),
) -> Result<(), Denial> {
    let operation = permit.operation();
    let Some((_, entity)) = operation.narrowing.looked_up().next().filter(|_| !operation.is_write()) else {
        return Ok(());
    };
    let holds = || confirm(permit).is_ok();
    let found = directory.within(on_behalf_of(permit, &holds), entity, whole).await;
    let within = found.map_err(|error| unanswered(&error, permit, record, confirm))?;
    let is_own = within.is_some_and(|within| directory.is_own(&within, permit.granted()));
    if is_own { Ok(()) } else { Err(Denial::NotFound) }
}

/// Whether the body that is sent also holds what the caller cannot name of what is changed.
fn is_made_from_what_stands(asked: &Asked<'_>, operation: &Operation) -> bool {
    operation.method == "PUT" || matches!(asked.body, Body::UserChange(_))
}

/// What a write makes or changes: what was known of it before may not be relied on after.
pub(in crate::gateway) fn changed(permit: &Permit, asked: &Asked<'_>) -> Option<Change> {
    let operation = permit.operation();
    if !operation.is_write() {
        return None;
    }
    match &asked.body {
        Body::NewUser(_) => Some(Change::Number(Entity::User)),
        Body::NewQueue(_) => Some(Change::Number(Entity::Queue)),
        Body::None
        | Body::Conversations(_)
        | Body::Users(_)
        | Body::Aggregates(_)
        | Body::Activity(_)
        | Body::Observations(_)
        | Body::UserChange(_)
        | Body::Rotation(_)
        | Body::QueueChange(_)
        | Body::Document(_) => {
            let (name, entity) = operation.narrowing.looked_up().next()?;
            Some(match path_id(asked, name) {
                // What is below it may be deleted; it stays itself.
                Ok(id)
                    if operation.method != "DELETE" || !operation.path.ends_with(&format!("/{{{name}}}")) =>
                {
                    Change::Of(entity, id.to_owned())
                }
                Ok(_) | Err(_) => Change::Number(entity),
            })
        }
    }
}

/// Whom something is looked up for.
pub(super) fn on_behalf_of<'a>(permit: &'a Permit, confirm: &'a (dyn Fn() -> bool + Sync)) -> Asker<'a> {
    let tenant = permit.caller().tenant();
    Asker {
        tenant: &tenant.tenant().id,
        account: tenant.account(),
        portion: tenant.portion(),
        until: permit.until(),
        registry: tenant.registry(),
        confirm,
    }
}

/// What a lookup without a verdict means to the caller.
pub(super) fn unanswered(
    error: &LookupError,
    permit: &Permit,
    record: &mut Record,
    confirm: impl Fn(&Permit) -> Result<(), Denial>,
) -> Denial {
    let operation = permit.operation();
    match error {
        LookupError::Upstream(UpstreamError::Withdrawn) => {
            confirm(permit).err().unwrap_or(Denial::PermitWithdrawn)
        }
        // Whose it is, is not known: that there is something must not show.
        LookupError::Upstream(error) => guard::hide(operation, forward::denial(error, Effect::Reads), record),
        LookupError::Limited(wait) => Limited::told(*wait).into(),
        LookupError::TooMany => Invalid::new(
            "ringfence.aggregation_refused",
            "Your divisions hold more than 50,000 users, deleted ones among them, queues or flows: more than can be told from \
             others'. Leave `userId`, `queueId` and `flowId` out of `groupBy`, or ask with a key whose policy grants fewer divisions.",
        )
        .into(),
        LookupError::Store(_) | LookupError::Overtaken => Failure::StateUnconfirmed.into(),
        LookupError::Unknown(_) => Failure::Internal.into(),
        LookupError::Refused(status) => guard::failure(operation, *status),
    }
}

/// An id of the path. Genesys's ids are UUIDs: what is not one is nobody's, and asking would only tell the time.
pub(super) fn path_id<'a>(asked: &'a Asked<'_>, name: &str) -> Result<&'a str, Denial> {
    let id = asked.parameters.iter().find(|(other, _)| other == name).map(|(_, id)| id.as_str());
    id.filter(|id| is_id(id)).ok_or(Denial::NotFound)
}

/// Leaves in a list of ids what can be one, each once; the rest finds nothing, as another's does.
pub(super) fn only_ids(query: &mut Query, name: &str) -> Result<Vec<String>, Invalid> {
    if query.all(name).is_empty() {
        let message = format!("The parameter `{name}` must hold a value.");
        return Err(Invalid::new("ringfence.parameter_invalid", message));
    }
    let ids: BTreeSet<_> = query.all(name).iter().filter(|id| is_id(id)).cloned().collect();
    let mut ids: Vec<_> = ids.into_iter().collect();
    if ids.is_empty() {
        ids.push(NOBODY.to_owned());
    }
    query.set(name, ids.clone());
    Ok(ids)
}
