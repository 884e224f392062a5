//! A look over an answer before it is checked: whether others have a part in it, so that it must be known whose each part
//! is. Nearly all answers are wholly the tenant's own, and nothing is read for them.

use http::StatusCode;

use super::{Against, Checking, entity::is_shared, object::Object, text, whole};
use crate::{
    catalog::Guarding,
    gateway::{
        forward::{Answer, Received},
        scope::Form,
    },
};

/// What a look over an answer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) enum Look {
    /// Nothing; it is judged as it is checked.
    None,
    /// It is passed on as it stands.
    Whole,
    /// Others have a part in it.
    Shared,
}

/// Looks an answer over, where what others have a part in is redacted.
pub(in crate::gateway) fn look(against: Against<'_>, answer: &Answer) -> Look {
    let (permit, form, owned, received) = answer.parts();
    let checking = Checking::new(against, permit, owned);
    let redacts = checking.divisions.redacts && !permit.operation().shared_names.is_empty();
    match received {
        Received::One(answer) if redacts && answer.status == StatusCode::OK => {
            // What cannot be read is refused by who checks it.
            text(answer).ok().and_then(|json| checking.look(json, form)).unwrap_or(Look::None)
        }
        Received::One(_) | Received::Collected { .. } | Received::Kept(_) => Look::None,
    }
}

impl Checking<'_> {
    fn look(&self, json: &str, form: &Form) -> Option<Look> {
        let is_shared = match &self.permit.operation().guard {
            Guarding::List { .. } => {
                let rules = self.rules().ok()?;
                if matches!(form, Form::Upstream) && whole::is_whole(json, &rules) {
                    return Some(Look::Whole);
                }
                let (_, list) = Object::read_list(json, rules.collection)?;
                list.items.iter().any(|item| is_shared(item.get(), rules.shape, self.divisions))
            }
            Guarding::Entity { shape } => is_shared(json, self.shape(shape).ok()?, self.divisions),
            Guarding::Fields { .. }
            | Guarding::Items { .. }
            | Guarding::Groups { .. }
            | Guarding::Handle { .. }
            | Guarding::Empty
            | Guarding::Own => false,
        };
        Some(if is_shared { Look::Shared } else { Look::None })
    }
}
