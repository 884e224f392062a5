//! Who sends it: decided before anything else is.

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, StatusCode, header, request::Parts};

use crate::{
    model::EventId,
    operator::{Author, Desk, Refusal, operators},
    web::Problem,
};

/// The author of an authenticated request.
pub(super) struct Signed(pub(super) Author);

/// Lets a request with a valid token pass, with its [`Author`].
pub(super) async fn authenticate(
    State(desk): State<Desk>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let token = bearer(request.headers()).ok_or(Refusal::Unauthenticated)?;
    let operator = operators::authenticate(&desk, token).await?;
    let extensions = request.extensions();
    let author = Author {
        operator,
        source: extensions.get().map(|ConnectInfo(peer): &ConnectInfo<SocketAddr>| peer.ip().to_canonical()),
        event_id: extensions.get().cloned().unwrap_or_else(|| EventId::at(desk.clock.now())),
    };
    request.extensions_mut().insert(author);
    Ok(next.run(request).await)
}

/// The token of the one `Authorization` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

impl<S: Sync> FromRequestParts<S> for Signed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // SECURITY: a route that was added outside the layer refuses everybody.
        let refused = || Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", "not authenticated");
        parts.extensions.get().cloned().map(Self).ok_or_else(refused)
    }
}
