//! The memory that answers may take, all together and for each tenant.
//!
//! Room is taken before it is filled and given back when the last byte is released to the client. One tenant holds at
//! most a quarter of it: whoever asks for much and reads slowly waits for itself, and takes nothing from the others.
//!
//! Who holds nothing may wait for room; of those that hold a part and need more only one waits at a time, all others give
//! up at once. So there is always somebody who goes on, and nobody waits long.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use moka::sync::Cache;
use tokio::{
    sync::{Mutex, Notify},
    time::{Instant, timeout_at},
};

use super::UpstreamError;
use crate::model::{Portion, TenantId};

/// How long an answer waits for room.
const PATIENCE: Duration = Duration::from_secs(2);
/// Of all the room, one part is the most that a tenant holds.
const PARTS: usize = 4;
// Far longer than a client may take to read an answer, so that no share is forgotten while some of it is held.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(1);

/// In whose share of the memory an answer is held, and out of whose share of the budget its exchange is paid.
#[derive(Debug, Clone, Copy)]
pub enum Share<'t> {
    /// Nobody's: the operator asks.
    Operator,
    /// A tenant's, which has this part of its account's budget.
    Of(&'t TenantId, Portion),
    /// A tenant's, for a call that holds other answers meanwhile.
    MoreOf(&'t TenantId, Portion),
}

/// All the room there is, and what each tenant may hold of it.
pub(super) struct Memory {
    all: Arc<Room>,
    shares: Cache<TenantId, Arc<Room>>,
    share_bytes: usize,
}

/// There is no room, and none was given back in time.
#[derive(Debug)]
struct Full;

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
    // Before all: who waits for its own share stands in nobody's way.
    own: Option<Taken>,
    all: Taken,
}

/// What is taken of one room; given back on drop.
#[derive(Debug)]
struct Taken {
    room: Arc<Room>,
    bytes: usize,
    // Its taker holds some of this room elsewhere.
    is_more: bool,
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
        Self {
            all: Arc::new(Room::new(bytes)),
            shares: Cache::builder().time_to_idle(FORGOTTEN_AFTER).build(),
            share_bytes: bytes / PARTS,
        }
    }

    /// Room for so many bytes of an answer that nothing was sent for, waiting for it if need be.
    pub(super) async fn hold(&self, share: Share<'_>, bytes: usize) -> Result<Held, UpstreamError> {
        let (own, is_more) = match share {
            Share::Operator => (None, false),
            Share::Of(tenant, _) => (Some(self.share(tenant)), false),
            Share::MoreOf(tenant, _) => (Some(self.share(tenant)), true),
        };
        let taken = |room| Taken { room, bytes: 0, is_more };
        let mut held = Held { own: own.map(taken), all: taken(Arc::clone(&self.all)) };
        held.take_up_to(bytes).await.map_err(|Full| UpstreamError::NoRoom { sent: false })?;
        Ok(held)
    }

    fn share(&self, tenant: &TenantId) -> Arc<Room> {
        let new = || Arc::new(Room::new(self.share_bytes));
        self.shares.get(tenant).unwrap_or_else(|| self.shares.get_with_by_ref(tenant, new))
    }
}

impl Held {
    /// Takes more for an answer that has come, waiting for it if need be.
    pub(super) async fn grow_to(&mut self, bytes: usize) -> Result<(), UpstreamError> {
        self.take_up_to(bytes).await.map_err(|Full| UpstreamError::NoRoom { sent: true })
    }

    /// As [`Held::grow_to`], while nothing is filled: what waits for it holds nothing.
    pub(super) async fn start_at(&mut self, bytes: usize) -> Result<(), UpstreamError> {
        if bytes > self.all.bytes {
            self.shrink_to(0);
            self.grow_to(bytes).await?;
        }
        Ok(())
    }

    async fn take_up_to(&mut self, bytes: usize) -> Result<(), Full> {
        if let Some(own) = &mut self.own {
            own.take_up_to(bytes).await?;
        }
        self.all.take_up_to(bytes).await
    }

    /// Gives back what is not needed.
    pub fn shrink_to(&mut self, bytes: usize) {
        self.all.shrink_to(bytes);
        if let Some(own) = &mut self.own {
            own.shrink_to(bytes);
        }
    }

    /// The room of two answers to one tenant, of which one is made.
    #[must_use]
    pub fn join(mut self, mut other: Self) -> Self {
        self.all.bytes += std::mem::take(&mut other.all.bytes);
        if let (Some(own), Some(others)) = (&mut self.own, &mut other.own) {
            own.bytes += std::mem::take(&mut others.bytes);
        }
        self
    }

    /// What is made of the answer, with the room that it takes for as long as anybody has it. It is no larger than the
    /// answer: guarding removes.
    pub fn keep(mut self, bytes: Bytes) -> Bytes {
        self.shrink_to(bytes.len());
        Bytes::from_owner(Kept { bytes, _held: self })
    }
}

impl Taken {
    async fn take_up_to(&mut self, bytes: usize) -> Result<(), Full> {
        let more = bytes.saturating_sub(self.bytes);
        if !self.room.take(more) {
            let _turn = if self.is_more || self.bytes > 0 {
                Some(self.room.growing.try_lock().map_err(|_| Full)?)
            } else {
                None
            };
            self.room.wait_for(more).await?;
        }
        self.bytes += more;
        Ok(())
    }

    fn shrink_to(&mut self, bytes: usize) {
        let less = self.bytes.saturating_sub(bytes);
        self.bytes -= less;
        self.room.give_back(less);
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.room.give_back(self.bytes);
    }
}

impl Room {
    fn new(bytes: usize) -> Self {
        Self {
            free: AtomicUsize::new(bytes),
            waiting: AtomicUsize::new(0),
            given_back: Notify::new(),
            growing: Mutex::const_new(()),
        }
    }

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

    async fn wait_for(&self, bytes: usize) -> Result<(), Full> {
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
            timeout_at(deadline, given_back).await.map_err(|_| Full)?;
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
