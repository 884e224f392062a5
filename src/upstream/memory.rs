//! The memory that answers may take, all together.
//!
//! Room is taken before it is filled and given back when the last byte is released to the client. Who holds nothing may
//! wait for room; of those that hold a part and need more only one waits at a time, all others give up at once. So there
//! is always somebody who goes on, and nobody waits long.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{Mutex, Notify},
    time::{Instant, timeout_at},
};

use super::UpstreamError;

/// How long an answer waits for room.
const PATIENCE: Duration = Duration::from_secs(2);

/// All the room there is.
pub(super) struct Memory(Arc<Room>);

#[derive(Debug)]
struct Room {
    free: AtomicUsize,
    waiting: AtomicUsize,
    given_back: Notify,
    // Taken by the one that waits although it holds a part.
    growing: Mutex<()>,
}

/// Room that one answer takes; given back on drop.
#[derive(Debug)]
pub struct Held {
    room: Arc<Room>,
    bytes: usize,
}

/// Bytes, and the room that they take for as long as anybody has them.
struct Kept {
    bytes: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Memory {
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Room {
            free: AtomicUsize::new(bytes),
            waiting: AtomicUsize::new(0),
            given_back: Notify::new(),
            growing: Mutex::const_new(()),
        }))
    }

    /// Room for so many bytes, waiting for it if need be.
    pub(super) async fn hold(&self, bytes: usize) -> Result<Held, UpstreamError> {
        let mut held = Held { room: Arc::clone(&self.0), bytes: 0 };
        held.grow_to(bytes).await?;
        Ok(held)
    }
}

impl Held {
    /// Takes more, waiting for it if need be.
    pub(super) async fn grow_to(&mut self, bytes: usize) -> Result<(), UpstreamError> {
        let more = bytes.saturating_sub(self.bytes);
        if !self.room.take(more) {
            let _turn = match self.bytes {
                0 => None,
                _ => Some(self.room.growing.try_lock().map_err(|_| UpstreamError::NoRoom)?),
            };
            self.room.wait_for(more).await?;
        }
        self.bytes += more;
        Ok(())
    }

    /// Gives back what is not needed.
    pub(super) fn shrink_to(&mut self, bytes: usize) {
        let less = self.bytes.saturating_sub(bytes);
        self.bytes -= less;
        self.room.give_back(less);
    }

    /// The room of two answers of which one is made.
    #[must_use]
    pub fn join(mut self, mut other: Self) -> Self {
        self.bytes += std::mem::take(&mut other.bytes);
        self
    }

    /// What is made of the answer, with the room that it takes for as long as anybody has it. It is no larger than the
    /// answer: guarding removes.
    pub fn keep(mut self, bytes: Bytes) -> Bytes {
        self.shrink_to(bytes.len());
        Bytes::from_owner(Kept { bytes, _held: self })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.give_back(self.bytes);
    }
}

impl Room {
    fn take(&self, bytes: usize) -> bool {
        self.free.fetch_update(SeqCst, SeqCst, |free| free.checked_sub(bytes)).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        if bytes > 0 {
            self.free.fetch_add(bytes, SeqCst);
            if self.waiting.load(SeqCst) > 0 {
                self.given_back.notify_waiters();
            }
        }
    }

    async fn wait_for(&self, bytes: usize) -> Result<(), UpstreamError> {
        let deadline = Instant::now() + PATIENCE;
        let _waiting = Waiting::new(&self.waiting);
        loop {
            let given_back = self.given_back.notified();
            tokio::pin!(given_back);
            // From here on nothing that is given back goes unnoticed.
            given_back.as_mut().enable();
            if self.take(bytes) {
                return Ok(());
            }
            timeout_at(deadline, given_back).await.map_err(|_| UpstreamError::NoRoom)?;
        }
    }
}

/// One more waits; also when it leaves early.
struct Waiting<'w>(&'w AtomicUsize);

impl<'w> Waiting<'w> {
    fn new(waiting: &'w AtomicUsize) -> Self {
        waiting.fetch_add(1, SeqCst);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}
