//! A connection on which a test writes and reads bytes: for requests that no well-behaved client sends.

use std::net::{IpAddr, SocketAddr};

use reqwest::{
    StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use super::{app::Answer, command::PATIENCE};

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    // Read, and not yet part of an answer.
    unread: Vec<u8>,
}

impl Socket {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, unread: Vec::new() }
    }

    /// As [`Socket::to`], from an address of this machine.
    pub(crate) async fn between(source: IpAddr, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(source, 0)).unwrap();
        Self { stream: socket.connect(address).await.unwrap(), unread: Vec::new() }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next answer, which must tell its length.
    pub(crate) async fn answer(&mut self) -> Answer {
        let head = loop {
            match self.unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                Some(end) => break self.take(end + 4),
                None => assert!(self.read().await, "the connection ended before the answer"),
            }
        };
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status: StatusCode = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap());
        }
        let length =
            headers.get("content-length").map_or(0, |length| length.to_str().unwrap().parse().unwrap());
        while self.unread.len() < length {
            assert!(self.read().await, "the connection ended in the middle of the answer");
        }
        let bytes = self.take(length);
        Answer::new(status, headers, String::from_utf8(bytes).unwrap())
    }

    /// The next so many bytes; nothing if the connection ends before.
    pub(crate) async fn bytes(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.unread.len() < length {
            if !self.read().await {
                return None;
            }
        }
        Some(self.take(length))
    }

    /// Writes what may be too much for the server to read to its end; whether it was taken.
    pub(crate) async fn pour(&mut self, bytes: &[u8]) -> bool {
        timeout(PATIENCE, self.stream.write_all(bytes))
            .await
            .expect("it is taken, or the connection cut")
            .is_ok()
    }

    /// Waits until the server ends the connection; what it said before.
    pub(crate) async fn end(self) -> String {
        String::from_utf8(self.end_bytes().await).unwrap()
    }

    /// As [`Socket::end`], where it need not be text.
    pub(crate) async fn end_bytes(mut self) -> Vec<u8> {
        while self.read().await {}
        self.unread
    }

    /// Reads a bit more; `false` at the end.
    async fn read(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.unread)).await;
        // A connection that is cut while something was still on its way ends with a reset.
        read.expect("the server answers or ends the connection").unwrap_or(0) > 0
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.unread.split_off(length);
        std::mem::replace(&mut self.unread, rest)
    }
}
