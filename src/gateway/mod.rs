//! The path of a tenant's request, top to bottom.
//!
//! SKELETON: being filled in.
#![expect(clippy::unimplemented, unused_variables, missing_docs, reason = "skeleton")]
use crate::{
    audit::Audit, catalog::Catalog, clock::Clock, secret::Pepper, tenancy::Tenancy, upstream::Upstream,
};
use std::sync::Arc;

pub struct Parts {
    pub catalog: Arc<Catalog>,
    pub tenancy: Tenancy,
    pub upstream: Upstream,
    pub audit: Audit,
    pub pepper: Pepper,
    /// HS256 key for access tokens, 32 bytes, opened.
    pub signing_key: zeroize::Zeroizing<Vec<u8>>,
    pub clock: Clock,
    pub config: crate::config::Gateway,
    pub neutral_divisions: Vec<crate::model::DivisionId>,
}
#[derive(Clone)]
pub struct Gateway {}
impl Gateway {
    pub fn new(parts: Parts) -> Self {
        unimplemented!()
    }
    /// Accepts until `drain` is cancelled, then finishes what is in flight (at least 200 ms more of accepting; at most 15 s).
    pub async fn serve(self, listener: tokio::net::TcpListener, drain: tokio_util::sync::CancellationToken) {
        unimplemented!()
    }
}
