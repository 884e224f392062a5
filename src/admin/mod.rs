//! Operators' requests as JSON, under `/admin/v1`: each handler reads, calls [`crate::operator`], writes.

use crate::operator::Desk;

/// Everything that the operator listener serves. Give it the peer's address as `ConnectInfo<SocketAddr>`
/// (`into_make_service_with_connect_info`), so that events can say where a request came from.
pub fn router(desk: Desk) -> axum::Router {
    axum::Router::new().with_state(desk)
}
