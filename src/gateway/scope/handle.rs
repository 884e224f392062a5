//! What was begun is found again by a handle, which opens for the tenant that it was handed out to.

use std::sync::Arc;

use super::Denial;
use crate::{
    audit::Record,
    catalog::Narrowing,
    gateway::{
        asked::Asked,
        authorize::Permit,
        denial::Failure,
        handle::{Closed, Handles},
    },
};

/// Puts upstream's own id and cursor in their places, and cuts the permit to the divisions that they are of. Gives the
/// handle.
pub(super) fn open(
    handles: &Handles,
    permit: &mut Permit,
    asked: &mut Asked<'_>,
    record: &mut Record,
) -> Result<String, Denial> {
    let operation = Arc::clone(permit.operation());
    let internal = || Denial::Failed(Failure::Internal);
    let Narrowing::Handle { name, kind, cursor } = &operation.narrowing else { return Err(internal()) };
    let mut closed = |closed: Closed| {
        record.ended.withheld = Some(closed.why());
        Denial::NotFound
    };
    let (_, place) = asked.parameters.iter_mut().find(|(other, _)| other == name).ok_or_else(internal)?;
    let handle = std::mem::take(place);
    *place = handles.open(permit, kind, &handle).map_err(&mut closed)?;
    if let Some(name) = cursor
        && let Some(sent) = asked.query.one(name)
    {
        let cursor = handles.open_within(handle.as_bytes(), sent).map_err(&mut closed)?;
        asked.query.set(name, vec![cursor]);
    }
    record.call.upstream_id = Some(place.clone());
    record.call.divisions = permit.divisions_shared();
    Ok(handle)
}
