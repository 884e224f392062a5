//! A wire between the store and its PostgreSQL that a test can cut, block and mend, and one that is slow.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
    time,
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

    /// Likewise, but whatever is sent arrives that much later, in both directions, for good.
    pub(crate) async fn slow(target: &str, by: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let target = target.to_owned();
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&target).await else { return };
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(late(from_client, to_server, by));
                tokio::spawn(late(from_server, to_client, by));
            }
        });
        Self { address, wire: watch::Sender::new(Wire::Whole), listening }
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

async fn late(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, by: Duration) -> io::Result<()> {
    let mut part = vec![0; 64 * 1024];
    loop {
        let length = from.read(&mut part).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        time::sleep(by).await;
        to.write_all(&part[..length]).await?;
    }
}
