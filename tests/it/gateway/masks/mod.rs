//! What a policy masks: nowhere in an answer, and found out by no question.

mod bisection;
mod changes;
mod permits;

use serde_json::{Value, json};

use crate::support::app::TestApp;

/// All operations, without telephone numbers.
pub(super) const NO_NUMBERS: &str =
    "@id(\"no-numbers\") @mask(\"numbers\") permit (principal, action, resource);";

/// Puts a tenant's own policy.
pub(super) async fn put(app: &TestApp, tenant: &str, source: &str) -> Value {
    let policy = json!({ "source": source, "reason": "a test" });
    app.admin().put(&format!("/tenants/{tenant}/policies"), &policy).await.expect(200)
}
