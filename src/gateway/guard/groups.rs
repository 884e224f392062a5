//! Checks the groups of an aggregates query: whom a group names must be the tenant's own.
//!
//! A conversation that divisions share counts under all who took part in it, others' users and queues among them. Which
//! are the tenant's own, the groups do not say: they are held against all that the tenant has, which was read before
//! anything was asked, so that nothing depends on whom the groups name.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{
    Counts, Own,
    entity::{Divisions, keep},
    object::Object,
};
use crate::{
    catalog::{Named, Shape},
    gateway::denial::{Denial, Failure},
};

/// What the guard declares, put together.
pub(super) struct Rules<'r> {
    pub(super) collection: &'r str,
    pub(super) shape: &'r Shape,
    pub(super) plain: &'r [String],
    pub(super) named: &'r BTreeMap<String, Named>,
    pub(super) divisions: Divisions<'r>,
    /// The dimension by which a query was taken apart, and the ids of this part.
    pub(super) apart: Option<(&'r str, &'r [String])>,
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
        if let Some((by, ids)) = rules.apart {
            let (_, id) = group.iter().find(|(dimension, _)| dimension == by).ok_or_else(refused)?;
            if !ids.contains(id) {
                continue;
            }
        }
        let is_own = group.iter().map(|(dimension, value)| is_own(dimension, value, rules));
        // Read to the end: what is not declared must not hide behind what is foreign.
        if is_own.collect::<Option<Vec<_>>>().ok_or_else(refused)?.iter().all(|own| *own) {
            own.items.push(keep(&object, rules.shape, rules.divisions).into());
        } else {
            own.counts.dropped += 1;
        }
    }
    Ok((own, beside))
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
