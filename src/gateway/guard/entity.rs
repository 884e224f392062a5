//! Judges one entity of an answer by the division that it shows, and takes from it what is not the tenant's to see.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    object::{Object, Writer, quoted},
    redact::redact,
    scan::{Ids, Scanned, bit, is_kept, look},
};
use crate::{
    catalog::{Entity, Holds, Nested, PartKind, PartOf, Shape},
    gateway::scope::Owned,
    model::{DivisionId, Text},
};

/// The divisions that decide.
#[derive(Debug, Clone, Copy)]
pub(super) struct Divisions<'p> {
    /// What the request was narrowed to.
    pub(super) narrowed: &'p [DivisionId],
    /// All that the policy grants for this operation.
    pub(super) granted: &'p [DivisionId],
    /// The operator's list of divisions that are nobody's secret.
    pub(super) neutral: &'p [DivisionId],
    /// What the tenant has of what an answer can name without its division.
    pub(super) owned: &'p Owned,
    /// Of what other divisions have a part in, the tenant's own parts are shown; else a stub.
    pub(super) redacts: bool,
}

impl Divisions<'_> {
    /// Whether an id names something that is the tenant's own.
    pub(super) fn names_own(&self, entity: Entity, id: &str) -> bool {
        self.owned.holds(entity, id, self.granted)
    }
}

/// What an entity is to the tenant.
#[derive(Debug)]
pub(super) enum Judged<'a> {
    /// Its own, as much of it as is shown.
    Own(Cow<'a, str>),
    /// Another's.
    Foreign,
    /// Not of the promised shape.
    Malformed,
}

/// How much of an entity is the tenant's.
enum Share {
    All,
    Part,
    None,
}

/// Judges an entity.
pub(super) fn judge<'a>(json: &'a str, shape: &Shape, divisions: Divisions<'_>) -> Judged<'a> {
    // An entity that does not say its division is nobody's; it must not pass for want of a fence.
    let Some(object) = Object::read(json) else { return Judged::Malformed };
    let Some(scanned) = look(&object, shape) else { return Judged::Malformed };
    if let Some(part) = &shape.part_of
        && !is_part(&object, part, divisions)
    {
        return Judged::Foreign;
    }
    let Some(owned) = share(&scanned, shape, divisions) else { return Judged::Malformed };
    if matches!(owned, Share::All) && scanned.is_whole {
        return Judged::Own(Cow::Borrowed(json));
    }
    if matches!(owned, Share::Part) && divisions.redacts && shape.shared.is_some() {
        return redact(json, shape, divisions)
            .map_or(Judged::Malformed, |json| Judged::Own(Cow::Owned(json)));
    }
    match (owned, &shape.partial) {
        (Share::All, _) => Judged::Own(Cow::Owned(keep(&object, shape, divisions, Some(scanned.kept)))),
        (Share::Part, Some(fields)) => Judged::Own(Cow::Owned(part(&object, fields))),
        (Share::Part, None) | (Share::None, _) => Judged::Foreign,
    }
}

/// Whether an entity is the tenant's, and is shown with everything in it.
pub(super) fn is_own_and_whole(scanned: &Scanned<'_>, shape: &Shape, divisions: Divisions<'_>) -> bool {
    scanned.is_whole && matches!(share(scanned, shape, divisions), Some(Share::All))
}

/// Whether other divisions have a part in an entity of the tenant's.
pub(super) fn is_shared(json: &str, shape: &Shape, divisions: Divisions<'_>) -> bool {
    let object = shape.shared.is_some().then(|| Object::read(json)).flatten();
    object
        .and_then(|object| look(&object, shape))
        .is_some_and(|scanned| matches!(share(&scanned, shape, divisions), Some(Share::Part)))
}

/// `None` where it says its divisions in another form than its shape: only what can be shared has several, and always
/// has a list of them.
fn share(scanned: &Scanned<'_>, shape: &Shape, divisions: Divisions<'_>) -> Option<Share> {
    if let Some(entity) = shape.registered {
        let Ids::One(id) = &scanned.division else { return None };
        return Some(if divisions.names_own(entity, id) { Share::All } else { Share::None });
    }
    if shape.part_of.is_some() {
        let Ids::One(id) = &scanned.division else { return None };
        return Some(if divisions.owned.is_whole(id) { Share::All } else { Share::None });
    }
    let is_in = |list: &[DivisionId], id: &str| list.iter().any(|division| division.as_str() == id);
    Some(match (&scanned.division, &shape.partial) {
        (Ids::One(id), None) if is_in(divisions.narrowed, id) => Share::All,
        (Ids::One(_), None) => Share::None,
        (Ids::Several(ids), Some(_)) => {
            let known = |id: &Text<'_>| is_in(divisions.granted, id) || is_in(divisions.neutral, id);
            match ids.iter().any(|id| is_in(divisions.narrowed, id)) {
                true if ids.iter().all(known) => Share::All,
                true => Share::Part,
                false => Share::None,
            }
        }
        (Ids::One(_), Some(_)) | (Ids::Several(_), None) => return None,
    })
}

/// Whether a part belongs to nothing else, and is of a kind that is shown.
fn is_part(object: &Object<'_>, part: &PartOf, divisions: Divisions<'_>) -> bool {
    let is_alone = |field: &String| {
        let Some(value) = object.get(field).filter(|value| value.get() != "null") else { return true };
        let all: Option<Vec<Text<'_>>> = serde_json::from_str(value.get()).ok();
        all.is_some_and(|all| all.iter().all(|id| divisions.owned.is_whole(id)))
    };
    let is_shown = |kind: &PartKind| {
        let word = object.get(&kind.at).and_then(|value| serde_json::from_str::<Text<'_>>(value.get()).ok());
        word.is_some_and(|word| kind.of.contains(&word))
    };
    part.all.as_ref().is_none_or(is_alone) && part.kind.as_ref().is_none_or(is_shown)
}

/// What the shape keeps of an object; kept fields keep their bytes. `kept`: its parts that stay as they are, where it was
/// looked over ([`Scanned::kept`]).
pub(super) fn keep(
    object: &Object<'_>,
    shape: &Shape,
    divisions: Divisions<'_>,
    kept: Option<u64>,
) -> String {
    let mut out =
        Writer::with_capacity(object.0.iter().map(|(name, value)| name.len() + value.get().len() + 4).sum());
    for (place, (name, value)) in object.0.iter().enumerate() {
        let is_kept = kept.zip(bit(place)).is_some_and(|(kept, bit)| kept & bit != 0);
        if is_kept || shape.keeps(name) {
            out.field(name, value.get());
            continue;
        }
        if let Some(entity) = shape.ids.get(&**name) {
            if let Some(own) = own_ids(value, *entity, divisions) {
                out.field(name, &own);
            }
            continue;
        }
        let nested = shape.nested.iter().find(|nested| nested.at == **name);
        // What was looked over and does not stay as it is need not be looked over again.
        let inner = nested.and_then(|nested| match kept.and(bit(place)) {
            Some(_) => filtered_inside(value, nested, divisions).map(Cow::Owned),
            None => own_inside(value, nested, divisions),
        });
        if let Some(inner) = inner {
            out.field(name, &inner);
        }
    }
    out.finish()
}

/// The tenant's own among nested entities; `None` where nothing of the place stays.
pub(super) fn own_inside<'a>(
    value: &'a RawValue,
    nested: &Nested,
    divisions: Divisions<'_>,
) -> Option<Cow<'a, str>> {
    if is_kept(nested, value) {
        return Some(Cow::Borrowed(value.get()));
    }
    filtered_inside(value, nested, divisions).map(Cow::Owned)
}

fn filtered_inside(value: &RawValue, nested: &Nested, divisions: Divisions<'_>) -> Option<String> {
    // What stands inside was not asked for: it may be of any of the tenant's divisions.
    let divisions = Divisions { narrowed: divisions.granted, ..divisions };
    let own = |json: &str, id: Option<&str>| own_one(json, id, nested, divisions);
    match nested.holds {
        Holds::One => own(value.get(), None),
        Holds::List => {
            let items: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
            let kept: Vec<_> = items.iter().filter_map(|item| own(item.get(), None)).collect();
            Some(format!("[{}]", kept.join(",")))
        }
        Holds::Map | Holds::Keyed => {
            let mut out = Writer::with_capacity(value.get().len());
            for (name, item) in &Object::read(value.get())?.0 {
                let id = matches!(nested.holds, Holds::Keyed).then_some(&**name);
                if let Some(kept) = own(item.get(), id) {
                    out.field(name, &kept);
                }
            }
            Some(out.finish())
        }
    }
}

/// What is shown of one nested entity; whose it is, its place can say by an id.
fn own_one(json: &str, id: Option<&str>, nested: &Nested, divisions: Divisions<'_>) -> Option<String> {
    // A part is as much the tenant's as the whole that it stands in, unless it names somebody.
    if nested.shape.division.is_none() {
        let object = Object::read(json)?;
        let is_own = |entity| match id {
            Some(id) => divisions.names_own(entity, id),
            None => named(&object, &nested.by).is_some_and(|id| divisions.names_own(entity, &id)),
        };
        return nested.entity.is_none_or(is_own).then(|| keep(&object, &nested.shape, divisions, None));
    }
    match judge(json, &nested.shape, divisions) {
        Judged::Own(json) => Some(json.into_owned()),
        Judged::Foreign | Judged::Malformed => None,
    }
}

/// The id that stands at a place inside an object.
fn named<'a>(object: &Object<'a>, place: &[String]) -> Option<Text<'a>> {
    let (field, inner) = place.split_first()?;
    let value = object.get(field)?.get();
    if inner.is_empty() { serde_json::from_str(value).ok() } else { named(&Object::read(value)?, inner) }
}

/// Those ids that name what is the tenant's own; `None` where one id is another's.
pub(super) fn own_ids(value: &RawValue, entity: Entity, divisions: Divisions<'_>) -> Option<String> {
    match serde_json::from_str(value.get()).ok()? {
        Ids::One(id) => divisions.names_own(entity, &id).then(|| quoted(&id)),
        Ids::Several(ids) => {
            let own = ids.iter().filter(|id| divisions.names_own(entity, id)).map(|id| quoted(id));
            Some(format!("[{}]", own.collect::<Vec<_>>().join(",")))
        }
    }
}

/// The few fields of an entity that other divisions share.
fn part(object: &Object<'_>, fields: &[String]) -> String {
    let mut out = Writer::with_capacity(160);
    for name in fields {
        if let Some(value) = object.get(name) {
            out.field(name, value.get());
        }
    }
    out.finish()
}

/// What a shape keeps of an object without a division.
pub(super) fn fields(json: &str, shape: &Shape, divisions: Divisions<'_>) -> Option<String> {
    Some(keep(&Object::read(json)?, shape, divisions, None))
}

/// What is the tenant's own of a bare list, and how many others there were.
pub(super) fn items(json: &str, shape: &Shape, divisions: Divisions<'_>) -> Option<(String, u64)> {
    // They were not asked for by their divisions: they may be of any of the tenant's.
    let divisions = Divisions { narrowed: divisions.granted, ..divisions };
    let items: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    let own = |item: &&RawValue| {
        if shape.division.is_none() {
            return fields(item.get(), shape, divisions);
        }
        match judge(item.get(), shape, divisions) {
            Judged::Own(json) => Some(json.into_owned()),
            Judged::Foreign | Judged::Malformed => None,
        }
    };
    let kept: Vec<_> = items.iter().filter_map(own).collect();
    let dropped = items.len() - kept.len();
    Some((format!("[{}]", kept.join(",")), u64::try_from(dropped).unwrap_or(u64::MAX)))
}
