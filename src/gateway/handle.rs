//! Ids that Genesys makes for a service account, handed out sealed.
//!
//! A job belongs to the account that began it, which tenants may share, and holds what its divisions held then: its id
//! alone says neither. What a tenant is given instead is a handle: the id, sealed together with the kind of thing, the
//! tenant, the account, the divisions and what was masked. It opens for that tenant alone, as long as all of those divisions
//! are permitted and no more is masked;
//! whatever else is sent in its place looks like a missing one. No table is kept of what was handed out.

use sha2::{Digest, Sha256};

use super::{
    authorize::Permit,
    denial::{Denial, Failure},
};
use crate::{
    model::{DivisionId, Masks},
    secret::HandleKey,
};

/// Genesys's own ids have 36 characters.
const MAX_ID: usize = 200;
/// Longer than of 100 divisions none is made; its path is read whole.
const MAX_HANDLE: usize = 1_800;
/// What tells one division from another, where they stand in a handle.
const TAG: usize = 8;
/// Between the texts of a handle; none of them holds it.
const BETWEEN: char = '\n';

/// Hands out ids and opens them again.
pub(super) struct Handles(HandleKey);

/// Why a handle does not open. For auditors: a tenant is shown none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    /// It was not made here, or was altered.
    Unreadable,
    /// It was handed out to another tenant.
    OfAnotherTenant,
    /// It belongs to another service account than the tenant's.
    OfAnotherAccount,
    /// It is of another kind of thing.
    OfAnotherKind,
    /// One of its divisions is not permitted.
    DivisionNotPermitted,
    /// It was asked for while less was masked: what it holds may have been chosen by what is masked now.
    MadeUnderFewerMasks,
}

impl Closed {
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::Unreadable => "handle_unreadable",
            Self::OfAnotherTenant => "handle_of_another_tenant",
            Self::OfAnotherAccount => "handle_of_another_account",
            Self::OfAnotherKind => "handle_of_another_kind",
            Self::DivisionNotPermitted => "handle_division_not_permitted",
            Self::MadeUnderFewerMasks => "handle_made_under_fewer_masks",
        }
    }
}

impl Handles {
    pub(super) fn new(secret: &[u8]) -> Self {
        Self(HandleKey::derive(secret))
    }

    /// Seals an id for whom a permit is for.
    pub(super) fn hand_out(&self, permit: &Permit, kind: &str, id: &str) -> Result<String, Denial> {
        if id.is_empty() || id.len() > MAX_ID || id.contains(char::is_control) {
            return Err(Denial::Failed(Failure::AnswerRefused(format!("no id of a {kind}"))));
        }
        let tenant = permit.caller().tenant();
        let texts = [kind, tenant.tenant().id.as_str(), tenant.account().id.as_str(), id, ""];
        let mut plain = texts.join(&BETWEEN.to_string()).into_bytes();
        plain.push(permit.masks().to_byte());
        plain.extend(permit.divisions().iter().flat_map(tag));
        self.seal(b"", &plain)
    }

    /// Upstream's id of what was handed out, for a permit that covers it: the permit is cut to its divisions.
    pub(super) fn open(&self, permit: &mut Permit, kind: &str, handle: &str) -> Result<String, Closed> {
        if handle.len() > MAX_HANDLE {
            return Err(Closed::Unreadable);
        }
        let plain = self.0.open(b"", handle).map_err(|_| Closed::Unreadable)?;
        let mut parts = plain.splitn(5, |byte| *byte == BETWEEN as u8);
        let mut text =
            || parts.next().and_then(|part| std::str::from_utf8(part).ok()).ok_or(Closed::Unreadable);
        let (of_kind, of_tenant, of_account, id) = (text()?, text()?, text()?, text()?);
        let tenant = permit.caller().tenant();
        if of_tenant != tenant.tenant().id.as_str() {
            return Err(Closed::OfAnotherTenant);
        }
        if of_account != tenant.account().id.as_str() {
            return Err(Closed::OfAnotherAccount);
        }
        if of_kind != kind {
            return Err(Closed::OfAnotherKind);
        }
        let id = id.to_owned();
        let (masks, tags) = parts.next().and_then(<[u8]>::split_first).ok_or(Closed::Unreadable)?;
        if !Masks::from_byte(*masks).covers(permit.masks()) {
            return Err(Closed::MadeUnderFewerMasks);
        }
        let (tags, _) = tags.as_chunks::<TAG>();
        permit.cut(|division| tags.contains(&tag(division)));
        if tags.is_empty() || permit.divisions().len() != tags.len() {
            return Err(Closed::DivisionNotPermitted);
        }
        Ok(id)
    }

    /// What a cursor of a list belongs to: the operation, its path, and whom and what its permit is for.
    pub(super) fn context(permit: &Permit, path: &str) -> Vec<u8> {
        let tenant = permit.caller().tenant();
        let (tenant, account) = (tenant.tenant().id.as_str(), tenant.account().id.as_str());
        let texts = ["cursor", &permit.operation().id, tenant, account, path, ""];
        let mut context = texts.join(&BETWEEN.to_string()).into_bytes();
        context.push(permit.masks().to_byte());
        let mut tags: Vec<_> = permit.divisions().iter().map(tag).collect();
        tags.sort_unstable();
        context.extend(tags.into_iter().flatten());
        context
    }

    /// Seals what leads to the next page, for where it belongs: to a handle, or to a list's context.
    pub(super) fn hand_out_within(&self, context: &[u8], cursor: &str) -> Result<String, Denial> {
        self.seal(context, cursor.as_bytes())
    }

    /// Opens a cursor of the same handle or context.
    pub(super) fn open_within(&self, context: &[u8], cursor: &str) -> Result<String, Closed> {
        let plain = self.0.open(context, cursor).map_err(|_| Closed::Unreadable)?;
        String::from_utf8(plain).map_err(|_| Closed::Unreadable)
    }

    fn seal(&self, context: &[u8], plain: &[u8]) -> Result<String, Denial> {
        self.0.seal(context, plain).map_err(|_| Denial::Failed(Failure::Internal))
    }
}

/// A hundred divisions do not fit into a path; who chooses their ids is Genesys, not a tenant.
fn tag(division: &DivisionId) -> [u8; TAG] {
    let digest: [u8; 32] = Sha256::digest(division.as_str()).into();
    digest.first_chunk().copied().unwrap_or_default()
}
