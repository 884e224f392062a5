//! A way to a database server that can be cut and mended.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Passes bytes on while it is open.
pub(super) struct Proxy {
    address: SocketAddr,
    way: Arc<watch::Sender<Way>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Open,
    /// What there is and everything that comes is closed.
    Cut,
    /// Nothing is closed, nothing gets through.
    Silent,
}

impl Proxy {
    pub(super) async fn start(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let way = Arc::new(watch::Sender::new(Way::Open));
        let state = Arc::clone(&way);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server.clone(), state.subscribe()));
            }
        });
        Self { address, way }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

async fn pass(mut client: TcpStream, server: String, mut way: watch::Receiver<Way>) {
    let mut upstream = TcpStream::connect(server).await.unwrap();
    if *way.borrow() == Way::Open {
        tokio::select! {
            _ = copy_bidirectional(&mut client, &mut upstream) => return,
            _ = way.wait_for(|way| *way != Way::Open) => {}
        }
    }
    // A silent connection stays as it is until the next change, and is no good after it.
    if *way.borrow_and_update() == Way::Silent {
        let _ = way.changed().await;
    }
}
