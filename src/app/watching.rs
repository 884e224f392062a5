//! The users of tenants whose agents are dedicated are looked at in the background: since when each has been there is known
//! only from having looked.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use tokio::time::{self, Instant};

use crate::{
    directory::{Asker, Directory},
    model::TenantId,
    tenancy::{Tenancy, TenantView},
};

/// How soon it is noticed that a tenant's agents were said to be dedicated.
const PASS: Duration = Duration::from_secs(1);
/// How long a tenant is left alone whose users could not be looked at.
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
        let views = tenancy.views();
        let meant =
            views.tenants().filter(|view| is_watched(view) && !failed.contains_key(&view.tenant().id));
        let (directory, tenancy) = (&directory, &tenancy);
        let looks = stream::iter(meant.cloned().collect::<Vec<_>>())
            .map(|view| async move { look(directory, tenancy, &view).await.err() });
        let looks = looks.buffer_unordered(AT_ONCE).filter_map(async |failure| failure).collect::<Vec<_>>();
        failed.extend(looks.await.into_iter().map(|id| (id, Instant::now())));
    }
}

fn is_watched(view: &TenantView) -> bool {
    view.tenant().dedicated_agents && !view.tenant().suspended
}

async fn look(directory: &Directory, tenancy: &Tenancy, view: &Arc<TenantView>) -> Result<(), TenantId> {
    let id = &view.tenant().id;
    let holds =
        || tenancy.is_confirmed() && tenancy.views().tenant(id).is_some_and(|now| Arc::ptr_eq(now, view));
    let asker = Asker { tenant: id, account: view.account(), registry: view.registry(), confirm: &holds };
    directory.watch_users(asker, view.tenant()).await.map_err(|error| {
        tracing::warn!(tenant.id = %id, error = &error as &dyn std::error::Error, "a tenant's users cannot be looked at");
        id.clone()
    })
}
