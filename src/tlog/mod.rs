//! A tamper-evident log: Merkle trees over entries, and signed checkpoints of them.
//!
//! Hashes are those of RFC 6962 (section 2.1): SHA-256, a leaf behind a zero byte, a node behind a one. Checkpoints are
//! signed notes in the form of C2SP (`c2sp.org/tlog-checkpoint`, `c2sp.org/signed-note`) with Ed25519 keys, so that what
//! other logs are verified with verifies ours too. Nothing here knows what an entry is.

mod checkpoint;
mod manifest;
mod note;
mod tree;
pub mod verify;

pub use checkpoint::{Checkpoint, Signer};
pub use manifest::Manifest;
pub use note::{Note, NoteError, SigningKey, VerifierKey};
pub use tree::{Frontier, Hash};
