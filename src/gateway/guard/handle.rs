//! The ids and cursors of what belongs to a service account: handed out sealed, for whom it was begun.

use serde_json::value::RawValue;

use super::{
    Against, Checking, list,
    object::{Object, Writer, quoted},
    refused,
};
use crate::{
    catalog::Cursor,
    gateway::{
        denial::Denial,
        listed::{ListedPage, OwnList},
        scope::{Form, Turning},
    },
};

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

    /// A page of the tenant's own list, where no number turns the pages.
    pub(super) fn turned_page(
        &self,
        list: &OwnList,
        page: &ListedPage,
        collection: &str,
        turning: &Turning,
    ) -> Result<String, Denial> {
        let (items, next) = list::page_of(list, page);
        let mut out = Writer::with_capacity(1_024);
        out.list(collection, items.into_iter());
        if let (Some(next), Some(cursor)) = (next, &self.permit.operation().cursor) {
            let sealed = self.against.handles.hand_out_within(&turning.context, &next.to_string())?;
            out.field("nextUri", &quoted(&turning.link(cursor, &sealed)));
        }
        Ok(out.finish())
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
        let sealed = self.against.handles.hand_out_within(handle.as_bytes(), &cursor)?;
        body.pop();
        for part in [",", &quoted(name), ":", &quoted(&sealed), "}"] {
            body.push_str(part);
        }
        Ok(())
    }
}

/// Adds to the answer of a list what leads to its next page: where upstream tells it, and as a link.
pub(super) fn add_turning(
    against: Against<'_>,
    cursor: &Cursor,
    turning: &Turning,
    json: &str,
    body: &mut String,
) -> Result<(), Denial> {
    let object = Object::read(json).ok_or_else(|| refused("the answer is no object"))?;
    let Some(next) = next(cursor, &object)? else { return Ok(()) };
    let sealed = against.handles.hand_out_within(&turning.context, &next)?;
    let link = turning.link(cursor, &sealed);
    let is_empty = body.trim_start_matches('{') == "}";
    body.pop();
    if !is_empty {
        body.push(',');
    }
    for part in [&quoted("nextUri"), ":", &quoted(&link)] {
        body.push_str(part);
    }
    match cursor.place() {
        Some((at, None)) => body.extend([",", &quoted(at), ":", &quoted(&sealed)]),
        Some((at, Some(inner))) => {
            body.extend([",", &quoted(at), ":{", &quoted(inner), ":", &quoted(&sealed), "}"]);
        }
        None => {}
    }
    body.push('}');
    Ok(())
}

/// Upstream's own cursor, where there is a page to come.
fn next(cursor: &Cursor, object: &Object<'_>) -> Result<Option<String>, Denial> {
    let next = match cursor.place() {
        Some((at, None)) => told(object, at)?,
        Some((at, Some(inner))) => match object.get(at).filter(|value| value.get() != "null") {
            Some(value) => {
                let object =
                    Object::read(value.get()).ok_or_else(|| refused("cursors that are no object"))?;
                told(&object, inner)?
            }
            None => None,
        },
        None => told(object, "nextUri")?.and_then(|link| {
            let (_, query) = link.split_once('?')?;
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| *name == cursor.parameter).map(|(_, value)| value.into_owned())
        }),
    };
    Ok(next.filter(|next| !next.is_empty()))
}

fn told(object: &Object<'_>, name: &str) -> Result<Option<String>, Denial> {
    let Some(value) = object.get(name).filter(|value| value.get() != "null") else { return Ok(None) };
    text(value).map(Some).ok_or_else(|| refused("a cursor that is no text"))
}

fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}
