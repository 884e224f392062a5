//! Checks the groups of an aggregates query: whom a group names must be the tenant's own.
//!
//! A conversation that divisions share counts under all who took part in it, others' users and queues among them. Which
//! are the tenant's own, the groups do not say: they are held against all that the tenant has, which was read before
//! anything was asked, so that nothing depends on whom the groups name.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::value::{RawValue, to_raw_value};

use super::{
    Counts, Own,
    entity::{Divisions, keep},
    object::Object,
};
use crate::{
    catalog::{Named, Shape},
    gateway::{
        asked::interval,
        denial::{Denial, Failure},
    },
};

/// What the guard declares, put together.
pub(super) struct Rules<'r> {
    pub(super) collection: &'r str,
    pub(super) shape: &'r Shape,
    pub(super) plain: &'r [String],
    pub(super) named: &'r BTreeMap<String, Named>,
    pub(super) divisions: Divisions<'r>,
    /// Which part it is of a query that was taken apart.
    pub(super) apart: Option<Apart<'r>>,
}

/// One of the queries that a query was taken apart into.
pub(super) struct Apart<'r> {
    /// By what it was taken apart.
    pub(super) dimension: &'r str,
    /// Whom this part asks for.
    pub(super) ids: &'r [String],
    /// From when on, where that is later than the caller asks.
    pub(super) start: Option<DateTime<Utc>>,
}

/// The groups that name nobody but the tenant's own, the others counted; and what stands beside them.
pub(super) fn check<'a>(json: &'a str, rules: &Rules<'_>) -> Result<(Own, Object<'a>), Denial> {
    let refused = || Denial::Failed(Failure::AnswerRefused(format!("no groups in `{}`", rules.collection)));
    let (beside, list) = Object::read_list(json, rules.collection).ok_or_else(refused)?;
    let mut own = Own { items: Vec::with_capacity(list.items.len()), counts: Counts::default() };
    for item in list.items {
        let object = Object::read(item.get()).ok_or_else(refused)?;
        let group = group(&object).ok_or_else(refused)?;
        // What does not name the dimension would stand there several times.
        if let Some(Apart { dimension: by, ids, .. }) = rules.apart {
            let (_, id) = group.iter().find(|(dimension, _)| dimension == by).ok_or_else(refused)?;
            if !ids.contains(id) {
                continue;
            }
        }
        let is_own = group.iter().map(|(dimension, value)| is_own(dimension, value, rules));
        // Read to the end: what is not declared must not hide behind what is foreign.
        if is_own.collect::<Option<Vec<_>>>().ok_or_else(refused)?.iter().all(|own| *own) {
            let start = rules.apart.as_ref().and_then(|apart| apart.start);
            let later = start.map(|start| without_earlier(&object, start)).transpose()?;
            let Some(later) = later.flatten() else {
                own.items.push(keep(&object, rules.shape, rules.divisions, None).into());
                continue;
            };
            own.counts.dropped += 1;
            own.items.push(keep(&object.with("data", &later), rules.shape, rules.divisions, None).into());
        } else {
            own.counts.dropped += 1;
        }
    }
    Ok((own, beside))
}

/// What a group's `data` holds from a time on, where it holds something earlier.
fn without_earlier(object: &Object<'_>, start: DateTime<Utc>) -> Result<Option<Box<RawValue>>, Denial> {
    let refused =
        || Denial::Failed(Failure::AnswerRefused("a group that does not say of when it tells".to_owned()));
    let Some(data) = object.get("data") else { return Ok(None) };
    let data: Vec<&RawValue> = serde_json::from_str(data.get()).map_err(|_| refused())?;
    let mut later = Vec::with_capacity(data.len());
    for one in &data {
        if begun(one).ok_or_else(refused)? >= start {
            later.push(*one);
        }
    }
    let is_cut = later.len() < data.len();
    is_cut.then(|| to_raw_value(&later)).transpose().map_err(|_| refused())
}

/// When the interval begins that a part of a group's `data` is of.
fn begun(data: &RawValue) -> Option<DateTime<Utc>> {
    let told: String = serde_json::from_str(Object::read(data.get())?.get("interval")?.get()).ok()?;
    Some(interval(&told)?.0)
}

/// Dimensions and values; `None` where they are no texts. Where nothing is grouped by, there are none.
fn group(object: &Object<'_>) -> Option<Vec<(String, String)>> {
    let Some(group) = object.get("group") else { return Some(Vec::new()) };
    let text = |value: &RawValue| serde_json::from_str::<String>(value.get()).ok();
    let fields = Object::read(group.get())?.0;
    fields.iter().map(|(name, value)| Some((name.to_string(), text(value)?))).collect()
}

/// `None` for a dimension that is not declared.
fn is_own(dimension: &str, value: &str, rules: &Rules<'_>) -> Option<bool> {
    let granted = |division: &str| rules.divisions.granted.iter().any(|one| one.as_str() == division);
    if rules.plain.iter().any(|name| name == dimension) {
        return Some(true);
    }
    Some(match rules.named.get(dimension)?.entity() {
        None => granted(value),
        Some(entity) => rules.divisions.names_own(entity, value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_before_a_part_does_is_left_out_of_its_groups() {
        let start = "2026-06-03T12:00:00Z".parse().unwrap();
        let group = |from: &[&str]| {
            let data = from
                .iter()
                .map(|from| format!(r#"{{"interval":"{from}/2026-06-04T00:00:00.000Z","metrics":[]}}"#));
            format!(r#"{{"group":{{}},"data":[{}]}}"#, data.collect::<Vec<_>>().join(","))
        };
        let shown = |json: &str| {
            let object = Object::read(json).unwrap();
            without_earlier(&object, start).ok().map(|later| {
                later.map(|later| object.with("data", &later).get("data").unwrap().get().to_owned())
            })
        };
        assert_eq!(shown(&group(&["2026-06-03T12:00:00.000Z", "2026-06-03T13:00:00.000Z"])), Some(None));
        let both = group(&["2026-06-03T11:59:59.999Z", "2026-06-03T12:00:00.000Z"]);
        let later = shown(&both).unwrap().unwrap();
        assert!(later.contains("T12:00:00.000Z") && !later.contains("T11:59:59.999Z"), "{later}");
        assert_eq!(shown(&group(&["2026-06-03T00:00:00.000Z"])), Some(Some("[]".to_owned())));
        assert_eq!(shown(r#"{"data":[{"metrics":[]}]}"#), None, "nobody knows of when it is");
    }
}
