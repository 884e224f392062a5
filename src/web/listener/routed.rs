//! A router as a listener's surface.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, body::Body, extract::ConnectInfo};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tower::ServiceExt;

use super::{Refusal, Surface, date};
use crate::{
    model::EventId,
    web::{Problem, correlation::marked},
};

/// Serves a router; handlers find the peer as `ConnectInfo<SocketAddr>`.
#[derive(Clone)]
pub struct Routed {
    router: Router,
    now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
}

impl Routed {
    /// `now` dates what is refused before it reaches the router.
    pub fn new(router: Router, now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self { router, now: Arc::new(now) }
    }
}

impl Surface for Routed {
    type Body = Body;

    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        self.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
    }

    async fn refuse(&self, refusal: &Refusal, _: SocketAddr) -> Response<Full<Bytes>> {
        let now = (self.now)();
        let id = EventId::at(now);
        let response = marked(problem(refusal).answer(&id), &id);
        let (mut head, body) = response.into_parts();
        date(&mut head.headers, now);
        let body = body.collect().await.map(http_body_util::Collected::to_bytes);
        Response::from_parts(head, Full::new(body.unwrap_or_default()))
    }
}

fn problem(refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::Malformed(what) => {
            let detail = format!(
                "this is no HTTP request: {what}; send its first line and headers as RFC 9112 has them"
            );
            Problem::new(StatusCode::BAD_REQUEST, "malformed_request", detail)
        }
        Refusal::TooLarge => {
            let detail = "more than 100 headers, or more than 64 KiB of them; send fewer";
            Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", detail)
        }
        Refusal::TooSlow => {
            let detail = "the first line and the headers were not whole in time; send them at once";
            Problem::new(StatusCode::REQUEST_TIMEOUT, "head_timeout", detail)
        }
        Refusal::Broken(what) => Problem::new(StatusCode::BAD_REQUEST, "http2_broken", what.clone()),
    }
}
