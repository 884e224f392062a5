//! How a request reaches its surface, and its answer the connection.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Version, header};
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
    // Over HTTP/2: what of the last frame is still to be handed on.
    rest: Option<Bytes>,
    in_slices: bool,
    _in_flight: InFlight,
}

/// What is handed to HTTP/2 at once. It keeps what it was handed until the client makes room, however long that takes;
/// the rest goes when the stream's time is over.
const SLICE: usize = 16_384;

impl<S: Surface> Service<Request<Incoming>> for Door<S> {
    type Response = Response<Counted<S::Body>>;
    type Error = Infallible;
    // Boxed: hyper moves it about.
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let mut in_flight = self.pulse.begin(!request.body().is_end_stream());
        let shared = Arc::clone(&self.shared);
        let peer = self.peer;
        Box::pin(async move {
            let version = request.version();
            let mut response = shared.surface.answer(request, peer).await;
            let ends = shared.drain.is_cancelled() || is_refused(&response) && shared.is_crowded();
            if version < Version::HTTP_2 && ends {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            in_flight.answered();
            let in_slices = version == Version::HTTP_2;
            Ok(response.map(|body| Counted { body, rest: None, in_slices, _in_flight: in_flight }))
        })
    }
}

/// Whether nobody is known to have asked, or asks too much.
fn is_refused<B>(response: &Response<B>) -> bool {
    [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS].contains(&response.status())
}

impl<B> Counted<B> {
    fn slice(&mut self, mut data: Bytes) -> Frame<Bytes> {
        if data.len() <= SLICE {
            // A slice keeps the whole that it is of in memory; the last one shall not.
            return Frame::data(Bytes::copy_from_slice(&data));
        }
        let slice = data.split_to(SLICE);
        self.rest = Some(data);
        Frame::data(slice)
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Counted<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if let Some(rest) = self.rest.take() {
            return Poll::Ready(Some(Ok(self.slice(rest))));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(match frame {
            Some(Ok(frame)) if self.in_slices => match frame.into_data() {
                Ok(data) if data.len() > SLICE => Some(Ok(self.slice(data))),
                Ok(data) => Some(Ok(Frame::data(data))),
                Err(frame) => Some(Ok(frame)),
            },
            frame => frame,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none() && self.body.is_end_stream()
    }

    // Asked for before the first frame.
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
