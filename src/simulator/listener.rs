//! Accepts connections and serves HTTP/1 on them. A handler's error closes its connection without an answer.

use std::{io, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{Request, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, task::JoinSet};

use super::organisation::Organisation;

/// Serves until it is dropped; its connections end with it.
pub(super) async fn serve<Handler, Answered>(
    listener: TcpListener,
    organisation: Arc<Organisation>,
    handler: Handler,
) where
    Handler: Fn(Arc<Organisation>, Request<Incoming>) -> Answered + Copy + Send + Sync + 'static,
    Answered: Future<Output = Result<Response<Body>, io::Error>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: some will be free again in a moment.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let organisation = Arc::clone(&organisation);
        connections.spawn(async move {
            // Without it small answers wait for the acknowledgement of their headers.
            let _ = stream.set_nodelay(true);
            let service = service_fn(move |request| handler(Arc::clone(&organisation), request));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            // A connection that breaks is the other side's affair, or a fault that was asked for.
            let _ = connection.await;
        });
    }
}
