//! Pages that no number turns: what leads to the next one is Genesys's own, and handed out sealed.
//!
//! It opens for the same operation, path, tenant, account and divisions alone. Whatever else is sent in its place looks like
//! a missing one.

use super::Denial;
use crate::{
    audit::Record,
    catalog::Cursor,
    gateway::{asked::Asked, authorize::Permit, handle::Handles, path},
};

/// What the next page of an answer is told by.
#[derive(Debug, Clone)]
pub(in crate::gateway) struct Turning {
    /// What a cursor is sealed with.
    pub(in crate::gateway) context: Vec<u8>,
    /// Path and parameters of what was asked for, as far as they are no cursor.
    link: String,
}

impl Turning {
    /// The link to the page that a sealed cursor leads to: relative, as Genesys's own.
    pub(in crate::gateway) fn link(&self, cursor: &Cursor, sealed: &str) -> String {
        let sign = if self.link.contains('?') { '&' } else { '?' };
        format!("{}{sign}{}={sealed}", self.link, cursor.parameter)
    }
}

/// Puts upstream's own cursor in its place, where the operation takes one.
pub(super) fn open(
    handles: &Handles,
    permit: &Permit,
    asked: &mut Asked<'_>,
    record: &mut Record,
) -> Result<Option<Turning>, Denial> {
    let Some(cursor) = &permit.operation().cursor else { return Ok(None) };
    let sent = asked.query.one(&cursor.parameter).map(str::to_owned);
    asked.query.remove(&cursor.parameter);
    let mut link = path::build(&permit.operation().path, &asked.parameters);
    let context = Handles::context(permit, &link);
    let query = asked.query.encode();
    if !query.is_empty() {
        link.push('?');
        link.push_str(&query);
    }
    if let Some(sent) = sent {
        let opened = handles.open_within(&context, &sent).map_err(|closed| {
            record.ended.withheld = Some(closed.why());
            Denial::NotFound
        })?;
        asked.query.set(&cursor.parameter, vec![opened]);
    }
    Ok(Some(Turning { context, link }))
}
