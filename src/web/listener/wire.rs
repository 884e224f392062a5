//! The bytes of a connection, as hyper reads and writes them.
//!
//! hyper answers what it cannot read as a request by itself, with an empty `400`. Those bytes are kept from the wire: what
//! is written over HTTP/1 while no answer is owed can only be that, and the whole answer is written in its place.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{frames::Frames, pulse::Pulse};

pub(super) struct Wire<T> {
    stream: T,
    // Read when it was looked which HTTP this is.
    first: Bytes,
    pulse: Arc<Pulse>,
    version: Version,
    // How many requests had been read when all was written that was owed.
    settled: u32,
    frames: Frames,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Http1,
    Http2,
}

impl<T> Wire<T> {
    pub(super) fn new(stream: T, first: Bytes, version: Version, pulse: Arc<Pulse>) -> Self {
        if version == Version::Http1 && !first.is_empty() {
            pulse.head();
        }
        Self { stream, first, pulse, version, settled: 0, frames: Frames::default() }
    }

    pub(super) fn into_stream(self) -> T {
        self.stream
    }

    /// Whether all was written that was owed.
    pub(super) fn is_settled(&self) -> bool {
        self.pulse.begun() == self.settled
    }

    /// Whether what hyper writes now is an answer of the surface's.
    fn is_owed(&self) -> bool {
        self.version == Version::Http2 || !self.is_settled()
    }

    /// Looks at so many of the bytes, which were written.
    fn follow(&mut self, written: usize, bytes: &[u8]) {
        if self.version == Version::Http2 {
            self.frames.follow(bytes.get(..written).unwrap_or(bytes), &self.pulse);
        }
    }

    fn note_write(&self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Pending => self.pulse.stalled(),
            Poll::Ready(_) => self.pulse.moved(),
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Wire<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.first.is_empty() {
            let length = self.first.len().min(buffer.remaining());
            buffer.put_slice(&self.first.split_to(length));
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if self.version == Version::Http1 && buffer.filled().len() > before && !self.is_owed() {
            self.pulse.head();
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Wire<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.is_owed() {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note_write(&written);
        if let Poll::Ready(Ok(written)) = written {
            self.follow(written, bytes);
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.is_owed() {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.note_write(&written);
        if let Poll::Ready(Ok(mut left)) = written {
            for slice in slices {
                self.follow(left, slice);
                left = left.saturating_sub(slice.len());
            }
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    // hyper flushes when it has written all that it holds.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.pulse.sent();
        if self.settled != self.pulse.begun() && !self.pulse.is_in_flight() {
            self.settled = self.pulse.begun();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
