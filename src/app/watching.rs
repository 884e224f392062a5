//! What is read of Genesys in the background: who the users of tenants with dedicated agents are, because since when each has
//! been there is known only from having looked; and what tenants have of a kind, where it is asked for again and again.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::{StreamExt, future::BoxFuture, stream};
use tokio::time::{self, Instant};

use crate::{
    directory::{Asker, Directory, LookupError},
    model::TenantId,
    tenancy::{Tenancy, TenantView},
};

/// How soon it is noticed that a tenant's agents were said to be dedicated.
const PASS: Duration = Duration::from_secs(1);
/// How long a tenant is left alone for which something could not be read.
const AFTER_A_FAILURE: Duration = Duration::from_secs(30);
/// So that one organisation that does not answer holds up no other.
const AT_ONCE: usize = 16;

pub(super) async fn watch(directory: Directory, tenancy: Tenancy) {
    let mut passes = time::interval(PASS);
    passes.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    let mut failed: HashMap<TenantId, Instant> = HashMap::new();
    loop {
        passes.tick().await;
        failed.retain(|_, at| at.elapsed() < AFTER_A_FAILURE);
        let readings =
            looks(&directory, &tenancy, &failed).into_iter().chain(ahead(&directory, &tenancy, &failed));
        let readings: Vec<_> = readings.collect();
        let read: Vec<_> = stream::iter(readings).buffer_unordered(AT_ONCE).collect().await;
        failed.extend(read.into_iter().flatten().map(|id| (id, Instant::now())));
    }
}

/// Whose reading failed, if it did.
type Read<'r> = BoxFuture<'r, Option<TenantId>>;

/// Who is there, of tenants whose agents are dedicated.
fn looks<'r>(
    directory: &'r Directory,
    tenancy: &'r Tenancy,
    failed: &HashMap<TenantId, Instant>,
) -> Vec<Read<'r>> {
    let views = tenancy.views();
    let is_meant = |view: &&Arc<TenantView>| {
        let tenant = view.tenant();
        // Of a suspended one too: once it is resumed, nobody's past is lost.
        tenant.dedicated_agents && !failed.contains_key(&tenant.id)
    };
    let look = |view: &Arc<TenantView>| -> Read<'r> {
        let view = Arc::clone(view);
        Box::pin(async move {
            let holds = || is_current(tenancy, &view);
            judge(directory.watch_users(asker(&view, &holds), view.tenant()).await, &view)
        })
    };
    views.tenants().filter(is_meant).map(look).collect()
}

/// What tenants have of a kind, before it is forgotten.
fn ahead<'r>(
    directory: &'r Directory,
    tenancy: &'r Tenancy,
    failed: &HashMap<TenantId, Instant>,
) -> Vec<Read<'r>> {
    let views = tenancy.views();
    let lists = directory.ageing().into_iter().filter_map(|(id, entity, divisions)| -> Option<Read<'r>> {
        let view = views.tenant(&id).filter(|view| !view.tenant().suspended && !failed.contains_key(&id))?;
        // A division that was taken from the tenant is not asked about.
        divisions.iter().all(|one| view.tenant().division_ids.contains(one)).then_some(())?;
        let view = Arc::clone(view);
        Some(Box::pin(async move {
            let holds = || is_current(tenancy, &view);
            judge(directory.read_ahead(asker(&view, &holds), entity, &divisions).await, &view)
        }))
    });
    lists.collect()
}

fn asker<'a>(view: &'a TenantView, confirm: &'a (dyn Fn() -> bool + Sync)) -> Asker<'a> {
    Asker {
        tenant: &view.tenant().id,
        account: view.account(),
        portion: view.portion(),
        until: crate::upstream::patience(),
        registry: view.registry(),
        confirm,
    }
}

fn is_current(tenancy: &Tenancy, view: &Arc<TenantView>) -> bool {
    let views = tenancy.views();
    tenancy.is_confirmed() && views.tenant(&view.tenant().id).is_some_and(|now| Arc::ptr_eq(now, view))
}

fn judge(read: Result<(), LookupError>, view: &TenantView) -> Option<TenantId> {
    let id = &view.tenant().id;
    let error = read.err()?;
    tracing::warn!(tenant.id = %id, error = &error as &dyn std::error::Error, "nothing could be read in the background");
    Some(id.clone())
}
