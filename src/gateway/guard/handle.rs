//! The ids and cursors of what belongs to a service account: handed out sealed, for whom it was begun.

use serde_json::value::RawValue;

use super::{
    Checking,
    object::{Object, Writer, quoted},
    refused,
};
use crate::gateway::{denial::Denial, scope::Form};

impl Checking<'_> {
    /// The answer that something was begun: its id, sealed, and nothing else. Gives upstream's own id too.
    pub(super) fn hand_out(&self, json: &str, kind: &str, field: &str) -> Result<(String, String), Denial> {
        let object = Object::read(json).ok_or_else(|| refused("the answer is no object"))?;
        let id = object.get(field).and_then(text).ok_or_else(|| refused("the answer has no id"))?;
        let handle = self.against.handles.hand_out(self.permit, kind, &id)?;
        let mut out = Writer::with_capacity(handle.len() + field.len() + 8);
        out.field(field, &quoted(&handle));
        Ok((out.finish(), id))
    }

    /// Adds to an answer what leads to the next page.
    pub(super) fn add_cursor(
        &self,
        body: &mut String,
        object: &Object<'_>,
        form: &Form,
    ) -> Result<(), Denial> {
        let (Some(name), Form::Opened(handle)) = (self.permit.operation().narrowing.cursor(), form) else {
            return Ok(());
        };
        let told = object.get(name).filter(|value| value.get() != "null");
        let Some(told) = told else { return Ok(()) };
        let cursor = text(told).ok_or_else(|| refused("a cursor that is no text"))?;
        let sealed = self.against.handles.hand_out_cursor(handle, &cursor)?;
        body.pop();
        for part in [",", &quoted(name), ":", &quoted(&sealed), "}"] {
            body.push_str(part);
        }
        Ok(())
    }
}

fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}
