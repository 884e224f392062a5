//! What was begun in divisions that were withdrawn since.

use std::{collections::BTreeMap, sync::Arc};

use ringfence::{catalog::Operation, simulator::GAMMA};
use serde_json::json;

use super::suite::Suite;
use crate::{
    gateway::organisation::eventually,
    support::app::{TenantClient, TestApp},
};

/// A division that holds nothing, and stays with who loses another.
const KEPT: &str = "e5e5e5e5-0000-4000-8000-00000000000e";

/// Handles of who has lost a division, by what they are of.
#[derive(Default)]
pub(super) struct Withdrawn {
    // Who has lost it, and who has it now.
    tenants: Option<(TenantClient, TenantClient)>,
    // Begun in both divisions, and in the one that is another's now.
    in_both: BTreeMap<String, String>,
    in_one: BTreeMap<String, String>,
}

impl Withdrawn {
    /// One of each kind is begun in two divisions, and one in one of them; which is then another tenant's.
    pub(super) async fn begin(suite: &Suite, operations: &[Arc<Operation>]) -> Self {
        let operations = || operations.iter().map(AsRef::as_ref);
        let (app, dedicated) = (suite.here(), json!({"dedicated_agents": true}));
        let former = app.tenant_with("former", &[GAMMA, KEPT], dedicated.clone()).await;
        let in_both = suite.begin_each(app, &former, GAMMA, operations()).await;
        grant(app, &former, GAMMA).await;
        let in_one = suite.begin_each(app, &former, GAMMA, operations()).await;
        grant(app, &former, KEPT).await;
        let heir = app.tenant_with("heir", &[GAMMA], dedicated).await;
        Self { tenants: Some((former, heir)), in_both, in_one }
    }

    /// What was begun of a kind, who tries to open it, and what that is.
    pub(super) fn of(&self, kind: &str) -> Option<[(&'static str, &TenantClient, &str); 2]> {
        let ((former, heir), both, one) =
            (self.tenants.as_ref()?, self.in_both.get(kind)?, self.in_one.get(kind)?);
        Some([
            ("one from before a division was withdrawn", former, both),
            ("one of who had the division before", heir, one),
        ])
    }
}

/// Leaves a tenant this division alone.
async fn grant(app: &TestApp, tenant: &TenantClient, division: &str) {
    app.admin()
        .patch(&format!("/tenants/{}", tenant.id), &json!({"division_ids": [division]}))
        .await
        .expect(200);
    eventually("the other is withdrawn", async || {
        let told = tenant.get("/gateway/v1/whoami").await.expect(200).to_string();
        [GAMMA, KEPT].iter().all(|one| told.contains(one) == (*one == division)).then_some(())
    })
    .await;
}
