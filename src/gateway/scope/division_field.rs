//! A body that says in which divisions something is to be looked for: those asked for that are permitted, whatever it said.

use crate::{
    catalog::DeclaredBody,
    gateway::{asked::Body, authorize::Permit, denial::Failure, document::Value},
};

use super::{Bytes, Denial, encode};

/// The body, with the permitted divisions in its field.
pub(super) fn narrow(
    body: &mut Body<'_>,
    declared: Option<&DeclaredBody>,
    permit: &Permit,
) -> Result<Bytes, Denial> {
    let field = declared.and_then(|body| body.divisions.as_deref());
    let (Some(field), Body::Document(document)) = (field, body) else {
        return Err(Denial::Failed(Failure::Internal));
    };
    let divisions = permit.divisions().iter().map(|division| Value::Text(division.to_string().into()));
    document.set(field, Value::List(divisions.collect()));
    encode(document)
}
