//! Checks a list: each entity by its own division, and what is told beside them.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    Checking, Counts,
    entity::{Divisions, Judged, judge},
    handle, note,
    object::{List, Object, Writer, quoted},
    whole,
};
use crate::{
    audit::Record,
    catalog::{Facets, Foreign, Shape},
    gateway::{
        denial::{Denial, Failure},
        listed::{ListedPage, OwnList},
        scope::{Form, UsersPage},
    },
    upstream::UpstreamAnswer,
};

/// Links lead nowhere else.
pub(super) const LINKS_BELOW: &str = "/api/v2/";

/// What a list's guard declares, put together.
pub(super) struct Rules<'r> {
    pub(super) collection: &'r str,
    pub(super) shape: &'r Shape,
    pub(super) foreign: Foreign,
    pub(super) keep: &'r [String],
    pub(super) totals: &'r [String],
    pub(super) links: &'r [String],
    pub(super) facets: Option<&'r Facets>,
    pub(super) divisions: Divisions<'r>,
}

/// A list of which every entity is the tenant's own.
pub(super) struct Checked<'a> {
    object: Object<'a>,
    items: Vec<Cow<'a, str>>,
    // How many of the object's other fields stand before the list.
    before: usize,
    /// Entities that were not the tenant's.
    pub(super) counts: Counts,
}

/// A facet's answer, as Genesys gives it (model `AggregationResult`).
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Facet<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r#type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dimension: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metric: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count: Option<i64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    results: Option<&'a RawValue>,
}

/// Judges every entity of the collection.
pub(super) fn check<'a>(json: &'a str, rules: &Rules<'_>) -> Result<Checked<'a>, Denial> {
    let refused =
        |what: &str| Denial::Failed(Failure::AnswerRefused(format!("{what} in `{}`", rules.collection)));
    let (object, List { items, before }) =
        Object::read_list(json, rules.collection).ok_or_else(|| refused("no object with a list"))?;
    let mut checked =
        Checked { object, items: Vec::with_capacity(items.len()), before, counts: Counts::default() };
    for item in items {
        match judge(item.get(), rules.shape, rules.divisions) {
            Judged::Own(json) => checked.items.push(json),
            Judged::Foreign => {
                checked.counts.dropped += 1;
                checked.counts.violations += u64::from(rules.foreign == Foreign::Violation);
            }
            // Where Genesys could not filter, what does not say its division is nobody's.
            Judged::Malformed if rules.foreign == Foreign::Drop => {
                checked.counts.dropped += 1;
                checked.counts.unjudged += 1;
            }
            Judged::Malformed => return Err(refused("an entity without its division")),
        }
    }
    Ok(checked)
}

/// A page of a tenant's own list, in the form of Genesys's listings.
pub(super) fn write_page(list: &OwnList, page: &ListedPage, collection: &str) -> String {
    let list = page.wanted(list);
    let size = usize::try_from(page.size).unwrap_or(1).max(1);
    let before = usize::try_from(page.number - 1).unwrap_or_default().saturating_mul(size);
    let mut out = Writer::with_capacity(1_024);
    out.list(collection, list.iter().skip(before).take(size).copied());
    out.field("pageSize", &page.size.to_string());
    out.field("pageNumber", &page.number.to_string());
    out.field("total", &list.len().to_string());
    let pages = i64::try_from(list.len().div_ceil(size)).unwrap_or(i64::MAX);
    let mut link = |name: &str, number: i64| out.field(name, &quoted(&page.link(number)));
    link("selfUri", page.number);
    link("firstUri", 1);
    if page.number > 1 {
        link("previousUri", page.number - 1);
    }
    if page.number < pages {
        link("nextUri", page.number + 1);
    }
    link("lastUri", pages.max(1));
    out.field("pageCount", &pages.to_string());
    out.finish()
}

/// What stands on a page of the tenant's own list, and the number of the next one.
pub(super) fn page_of<'l>(list: &'l OwnList, page: &ListedPage) -> (Vec<&'l str>, Option<i64>) {
    let all = page.wanted(list);
    let size = usize::try_from(page.size).unwrap_or(1).max(1);
    let before = usize::try_from(page.number - 1).unwrap_or_default().saturating_mul(size);
    let is_last = before.saturating_add(size) >= all.len();
    let items = all.into_iter().skip(before).take(size).collect();
    (items, (!is_last).then_some(page.number.saturating_add(1)))
}

impl Checking<'_> {
    /// One answer that is a list: as it came, where all of it is the tenant's; else what is.
    pub(super) fn list(
        &self,
        answer: &UpstreamAnswer,
        json: &str,
        form: &Form,
        record: &mut Record,
    ) -> Result<Bytes, Denial> {
        let rules = self.rules()?;
        if matches!(form, Form::Upstream) && whole::is_whole(json, &rules) {
            return Ok(answer.body.clone());
        }
        let checked = check(json, &rules)?;
        note(self.permit, checked.counts, record);
        let body = match form {
            Form::Users(page) => checked.write_users(page),
            Form::Turned(turning) => {
                let mut body = checked.write(json, &rules)?;
                if let Some(cursor) = &self.permit.operation().cursor {
                    handle::add_turning(self.against, cursor, turning, json, &mut body)?;
                }
                body
            }
            Form::Upstream
            | Form::Listed(_)
            | Form::Named(_)
            | Form::Each(_)
            | Form::Groups
            | Form::Parts(_)
            | Form::Opened(_) => {
                let mut body = checked.write(json, &rules)?;
                self.add_cursor(&mut body, &checked.object, form)?;
                body
            }
        };
        Ok(body.into())
    }
}

impl<'a> Checked<'a> {
    /// The tenant's own entities.
    pub(super) fn into_items(self) -> impl Iterator<Item = Cow<'a, str>> {
        self.items.into_iter()
    }
}

impl Checked<'_> {
    /// The answer in upstream's own form.
    pub(super) fn write(&self, json: &str, rules: &Rules<'_>) -> Result<String, Denial> {
        let mut out = Writer::with_capacity(json.len());
        let items = || self.items.iter().map(AsRef::as_ref);
        for (place, (name, value)) in self.object.0.iter().enumerate() {
            if place == self.before {
                out.list(rules.collection, items());
            }
            if is_in(rules.keep, name) {
                out.field(name, value.get());
            } else if is_in(rules.totals, name) {
                if let Some(total) = self.total(name) {
                    out.field(name, &total.to_string());
                }
            } else if is_in(rules.links, name) {
                if let Some(link) = relative(value) {
                    out.field(name, &link);
                }
            } else if rules.facets.is_some_and(|facets| facets.at == **name) {
                self.write_facets(&mut out, value, rules)?;
            }
        }
        if self.before >= self.object.0.len() {
            out.list(rules.collection, items());
        }
        Ok(out.finish())
    }

    /// The answer in the form of `GET /api/v2/users` (model `UserEntityListing`).
    pub(super) fn write_users(&self, page: &UsersPage) -> String {
        let mut out = Writer::with_capacity(512);
        out.list("entities", self.items.iter().map(AsRef::as_ref));
        out.field("pageSize", &page.size.to_string());
        out.field("pageNumber", &page.number.to_string());
        let mut link = |name: &str, number: i64| out.field(name, &quoted(&page.link(number)));
        link("selfUri", page.number);
        link("firstUri", 1);
        if page.number > 1 {
            link("previousUri", page.number - 1);
        }
        if let Some(total) = self.total("total") {
            // Counted again from the total: the search's own page size is the same.
            let pages = i64::try_from(total.div_ceil(page.size.unsigned_abs().max(1))).unwrap_or(i64::MAX);
            if page.number < pages {
                link("nextUri", page.number + 1);
            }
            link("lastUri", pages.max(1));
            out.field("total", &total.to_string());
            out.field("pageCount", &pages.to_string());
        }
        out.finish()
    }

    /// A count that upstream narrowed; none once it has proved that it did not narrow.
    fn total(&self, name: &str) -> Option<u64> {
        let told = self.object.get(name)?;
        if self.counts.dropped > 0 { None } else { told.get().parse().ok() }
    }

    fn write_facets(&self, out: &mut Writer, value: &RawValue, rules: &Rules<'_>) -> Result<(), Denial> {
        let Some(facets) = rules.facets.filter(|_| self.counts.dropped == 0) else { return Ok(()) };
        let refused = || Denial::Failed(Failure::AnswerRefused(format!("no facets in `{}`", facets.at)));
        let told: Vec<Facet<'_>> = serde_json::from_str(value.get()).map_err(|_| refused())?;
        let kept = told
            .iter()
            .filter(|facet| facet.dimension.as_ref().is_some_and(|name| facets.dimensions.contains(name)))
            .map(|facet| serde_json::to_string(facet).map_err(|_| refused()))
            .collect::<Result<Vec<_>, _>>()?;
        out.list(&facets.at, kept.iter().map(String::as_str));
        Ok(())
    }
}

pub(super) fn is_in(list: &[String], name: &str) -> bool {
    list.iter().any(|other| other == name)
}

/// A link below the API, without a host; none where it leads elsewhere.
fn relative(value: &RawValue) -> Option<String> {
    let link: String = serde_json::from_str(value.get()).ok()?;
    let path = match link.split_once("://") {
        Some((_, rest)) => rest.get(rest.find('/')?..)?,
        None => link.as_str(),
    };
    path.starts_with(LINKS_BELOW).then(|| quoted(path))
}
