//! A wire between the store and its PostgreSQL that a test can cut, block and mend.

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// What the wire does with what is sent over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Carries everything.
    Whole,
    /// Carries nothing and says nothing, as a lost network does.
    Blocked,
    /// Ends every connection, old and new, as a stopped server does.
    Cut,
}

/// Listens on a port of its own before another server.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: String,
    wire: watch::Sender<Wire>,
    listening: JoinHandle<()>,
}

impl Proxy {
    /// Stands before the server at `target`, `HOST:PORT`.
    pub(crate) async fn before(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (wire, state) = watch::channel(Wire::Whole);
        let target = target.to_owned();
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target.clone(), state.clone()));
            }
        });
        Self { address, wire, listening }
    }

    /// `HOST:PORT` to connect to.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Changes what becomes of every connection from now on.
    pub(crate) fn set(&self, wire: Wire) {
        self.wire.send_replace(wire);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Wire::Cut);
        self.listening.abort();
    }
}

async fn carry(mut client: TcpStream, target: String, mut state: watch::Receiver<Wire>) {
    let Ok(wire) = state.wait_for(|wire| *wire != Wire::Blocked).await.map(|wire| *wire) else { return };
    if wire == Wire::Cut {
        return;
    }
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    let mut copying = Box::pin(copy_bidirectional(&mut client, &mut server));
    loop {
        let wire = *state.borrow_and_update();
        tokio::select! {
            _ = &mut copying, if wire == Wire::Whole => return,
            changed = state.changed() => {
                if changed.is_err() || *state.borrow() == Wire::Cut {
                    return;
                }
            }
        }
    }
}
