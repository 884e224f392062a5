//! The operations of the Genesys API as data.
//!
//! SKELETON: being filled in.
#![expect(clippy::unimplemented, missing_docs, reason = "skeleton")]
#[derive(Debug)]
pub struct Catalog {}
impl Catalog {
    /// The embedded `policies/operations/*.toml`.
    pub fn embedded() -> anyhow::Result<Self> {
        unimplemented!()
    }
    pub fn actions(&self) -> Vec<crate::policy::PolicyAction> {
        unimplemented!()
    }
    /// For `GET /admin/v1/operations`: one JSON object per operation (id, method, path, groups, narrowing, guard, why, enabled).
    pub fn describe(&self) -> Vec<serde_json::Value> {
        unimplemented!()
    }
}
