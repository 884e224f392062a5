//! What was begun is found again by a handle, which opens for the tenant that it was handed out to.

use super::Denial;
use crate::{
    audit::Record,
    gateway::{
        asked::Asked,
        authorize::Permit,
        denial::Failure,
        handle::{Closed, Handles},
    },
};

/// What the operation declares.
pub(super) struct Declared<'d> {
    pub(super) name: &'d str,
    pub(super) kind: &'d str,
    pub(super) cursor: Option<&'d str>,
}

/// Puts upstream's own id and cursor in their places, and cuts the permit to the divisions that they are of. Gives the
/// handle.
pub(super) fn open(
    handles: &Handles,
    permit: Permit,
    asked: &mut Asked<'_>,
    declared: &Declared<'_>,
    record: &mut Record,
) -> Result<(Permit, String), Denial> {
    let mut closed = |closed: Closed| {
        record.ended.withheld = Some(closed.why());
        Denial::NotFound
    };
    let place = asked.parameters.iter_mut().find(|(name, _)| name == declared.name);
    let (_, place) = place.ok_or(Denial::Failed(Failure::Internal))?;
    let handle = std::mem::take(place);
    let (permit, id) = handles.open(permit, declared.kind, &handle).map_err(&mut closed)?;
    if let Some(name) = declared.cursor
        && let Some(sent) = asked.query.one(name)
    {
        let cursor = handles.open_cursor(&handle, sent).map_err(&mut closed)?;
        asked.query.set(name, vec![cursor]);
    }
    place.clone_from(&id);
    record.call.upstream_id = Some(id);
    record.call.divisions = permit.divisions_shared();
    Ok((permit, handle))
}
