//! How a request reaches its surface, and its answer the connection.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Version, header};
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    service::Service,
};

use super::{
    Shared, Surface,
    pulse::{InFlight, Pulse},
};

/// hyper's service of one connection.
pub(super) struct Door<S> {
    pub(super) shared: Arc<Shared<S>>,
    pub(super) peer: SocketAddr,
    pub(super) pulse: Arc<Pulse>,
}

/// An answer's body, on whose end the next request waits.
pub(super) struct Counted<B> {
    body: B,
    _in_flight: InFlight,
}

impl<S: Surface> Service<Request<Incoming>> for Door<S> {
    type Response = Response<Counted<S::Body>>;
    type Error = Infallible;
    // Boxed: hyper moves it about.
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let in_flight = self.pulse.begin(!request.body().is_end_stream());
        let shared = Arc::clone(&self.shared);
        let peer = self.peer;
        Box::pin(async move {
            let version = request.version();
            let mut response = shared.surface.answer(request, peer).await;
            if version < Version::HTTP_2 && shared.drain.is_cancelled() {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response.map(|body| Counted { body, _in_flight: in_flight }))
        })
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Counted<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
