//! Requests made from what the catalog and the API's facts say of an operation.

use std::{collections::BTreeMap, sync::LazyLock};

use reqwest::Method;
use ringfence::{
    catalog::{
        ApiOperation, BodyModel, Catalog, FieldType, Narrowing, Operation, Parameter, ParameterKind,
        Place as Stands,
    },
    simulator::{INTERVAL, Organisation},
};
use serde_json::{Map, Value, json};

use super::{
    handles::{SEVERAL, opened},
    suite::NOBODY,
};

/// What the path names, whatever hole is planted.
static WHOLE: LazyLock<Catalog> = LazyLock::new(|| Catalog::embedded().unwrap());

/// Which of a division's things are named.
pub(super) type Nth = usize;

/// A request to the gateway.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Value>,
}

/// Where an id stands in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Path(String),
    Query(String),
    Body(String),
}

/// Makes the requests of one operation.
pub(super) struct Maker<'m> {
    pub(super) catalog: &'m Catalog,
    pub(super) organisation: &'m Organisation,
    pub(super) operation: &'m Operation,
    /// What opens it, where a handle does.
    pub(super) handle: Option<String>,
}

impl<'m> Maker<'m> {
    fn told(&self) -> Option<&'m ApiOperation> {
        self.catalog.api().operation(&self.operation.id)
    }

    /// A division's things at a path, or those of nobody where there are no others.
    fn things(&self, path: &str, division: &str) -> Vec<String> {
        let things = self.organisation.things(path);
        let of = |whose: Option<&str>| -> Vec<String> {
            things.iter().filter(|(_, of)| *of == whose).map(|(id, _)| id.clone()).collect()
        };
        let own = of(Some(division));
        if own.is_empty() { of(None) } else { own }
    }

    /// The collection of what a parameter is looked up as.
    fn collection(&self, entity: &str) -> Option<String> {
        let found = self.catalog.entities().iter().find(|(known, _)| json!(known) == entity);
        found.map(|(_, kind)| kind.get.trim_end_matches("/{id}").to_owned())
    }

    /// The path's parameters, by name, as a division's own.
    fn parameters(&self, division: &str, nth: Nth) -> Option<BTreeMap<String, String>> {
        let whole = WHOLE.operations().iter().find(|one| one.id == self.operation.id);
        let kinds: BTreeMap<_, _> = whole.unwrap().narrowing.looked_up().collect();
        let (mut path, mut values) = (String::new(), BTreeMap::new());
        for part in self.operation.path.split('/').skip(1) {
            let mut part = part.to_owned();
            if let Some(name) = part.strip_prefix('{').map(|name| name.trim_end_matches('}').to_owned()) {
                if opened(self.operation).is_some_and(|(_, handle)| handle == name) {
                    part = self.handle.clone().unwrap_or_else(|| NOBODY.to_owned());
                    values.insert(name, part.clone());
                    path = format!("{path}/{part}");
                    continue;
                }
                let known = kinds.get(name.as_str()).and_then(|kind| self.collection(json!(kind).as_str()?));
                let things = self.things(known.as_ref().unwrap_or(&path), division);
                part.clone_from(things.get(nth).or_else(|| things.last())?);
                values.insert(name, part.clone());
            }
            path = format!("{path}/{part}");
        }
        Some(values)
    }

    /// What a list of ids is of.
    fn listed(&self, name: &str, division: &str) -> Option<String> {
        let word = name.trim_end_matches("Ids").trim_end_matches("Id");
        let told = self.operation.query.iter().find(|one| one.name == name).and_then(Parameter::names);
        let told = told.and_then(|entity| json!(entity).as_str().map(str::to_owned));
        let named = self.collection(told.as_deref().unwrap_or(word)).map(|path| self.things(&path, division));
        let mut path = self.operation.path.clone();
        for (name, value) in self.parameters(division, 0)? {
            path = path.replace(&format!("{{{name}}}"), &value);
        }
        for ending in ["/divisionviews", "/details"] {
            path = path.trim_end_matches(ending).to_owned();
        }
        named.unwrap_or_else(|| self.things(&path, division)).first().cloned()
    }

    /// All places of the request in which an id can stand.
    pub(super) fn places(&self) -> Vec<Place> {
        let parts =
            self.operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        // What is no id is a language, a medium, a date: it is the same for everyone.
        let path = parts.filter(|name| name.ends_with("Id")).map(|name| Place::Path(name.to_owned()));
        let is_list = |one: &&Parameter| {
            matches!(one.is, ParameterKind::List { .. }) && one.name.to_lowercase().contains("id")
        };
        let query = self.operation.query.iter().filter(is_list).map(|one| Place::Query(one.name.clone()));
        let body: Vec<_> = match &self.operation.body {
            Some(BodyModel::Declared(body)) => {
                body.references.iter().map(|one| &one.at).chain(&body.division).cloned().collect()
            }
            Some(_) | None => Vec::new(),
        };
        path.chain(query).chain(body.into_iter().map(Place::Body)).collect()
    }

    /// What could stand there, of a division; none where it is the same in all of them.
    pub(super) fn id(&self, place: &Place, division: &str) -> Option<String> {
        match place {
            Place::Path(name) => self.parameters(division, 0)?.remove(name),
            Place::Query(name) => self.listed(name, division),
            Place::Body(at) => {
                let Some(BodyModel::Declared(body)) = &self.operation.body else { return None };
                if body.division.as_ref() == Some(at) {
                    return Some(division.to_owned());
                }
                let reference = body.references.iter().find(|one| one.at == *at)?;
                let path = self.collection(json!(reference.entity).as_str()?)?;
                self.things(&path, division).first().cloned()
            }
        }
    }

    /// The request with a division's own ids; some of them replaced.
    pub(super) fn ask(&self, division: &str, nth: Nth, replaced: &[(Place, String)]) -> Option<Asked> {
        let mut path = self.operation.path.clone();
        for (name, own) in self.parameters(division, nth)? {
            let other = replaced.iter().find(|(place, _)| *place == Place::Path(name.clone()));
            path = path.replace(&format!("{{{name}}}"), other.map_or(&own, |(_, id)| id));
        }
        let query = self.query(division, replaced);
        if !query.is_empty() {
            path = format!("{path}?{query}");
        }
        let body = self.body(division, nth, replaced)?;
        Some(Asked { method: self.operation.method.parse().unwrap(), path, body })
    }

    fn query(&self, division: &str, replaced: &[(Place, String)]) -> String {
        let required = |name: &str| {
            self.told().is_some_and(|told| told.query.iter().any(|one| one.name == name && one.required))
                || matches!(&self.operation.narrowing, Narrowing::Owned { place: Stands::Query, name: own, .. } if own == name)
        };
        let mut query = form_urlencoded::Serializer::new(String::new());
        for Parameter { name, is } in &self.operation.query {
            let other = replaced.iter().find(|(place, _)| *place == Place::Query(name.clone()));
            let value = match is {
                ParameterKind::List { .. } if other.is_some() || required(name) => {
                    let own = self.listed(name, division);
                    own.into_iter().chain(other.map(|(_, id)| id.clone())).collect::<Vec<_>>().join(",")
                }
                ParameterKind::Integer { .. } if name == "pageSize" && opened(self.operation).is_some() => {
                    "7".to_owned()
                }
                // So that there are several pages, and few.
                ParameterKind::Integer { .. }
                    if self.operation.cursor.is_some() && (name == "pageSize" || name == "limit") =>
                {
                    "1".to_owned()
                }
                ParameterKind::Integer { max, .. } if name == "pageSize" => (*max).min(100).to_string(),
                ParameterKind::Expand => self.operation.expand.join(","),
                _ if !required(name) => continue,
                ParameterKind::Integer { min, .. } => min.to_string(),
                ParameterKind::Boolean => "true".to_owned(),
                ParameterKind::OneOf { values } => values[0].clone(),
                ParameterKind::Text { .. } if name.ends_with("Id") => {
                    self.listed(name, division).unwrap_or_default()
                }
                ParameterKind::Text { .. } if name.contains("nterval") => INTERVAL.to_owned(),
                ParameterKind::Text { .. } => "text".to_owned(),
                ParameterKind::List { .. } => continue,
            };
            if !value.is_empty() {
                query.append_pair(name, &value);
            }
        }
        query.finish()
    }

    /// None where it cannot be made; the inner none where there is none to send.
    #[expect(clippy::option_option, reason = "no body and no way to make one are not the same")]
    fn body(&self, division: &str, nth: Nth, replaced: &[(Place, String)]) -> Option<Option<Value>> {
        let name = format!("{} {nth} {}", self.operation.id, replaced.len());
        let body = match &self.operation.body {
            None => return Some(None),
            Some(BodyModel::Declared(body)) => {
                let model = body.model.as_ref()?;
                let mut value = self.sample(model, "", &name, 0);
                let objects = if value.is_array() {
                    value.as_array_mut()?.iter_mut().collect()
                } else {
                    vec![&mut value]
                };
                for object in objects {
                    object.as_object_mut()?.retain(|place, _| !body.refused.contains(place));
                }
                for reference in &body.references {
                    let place = Place::Body(reference.at.clone());
                    let other = replaced.iter().find(|(known, _)| *known == place).map(|(_, id)| id.clone());
                    let id = other.or_else(|| self.id(&place, division))?;
                    self.put(model, &mut value, &reference.at, &id);
                }
                // Where nothing else is said, it is the tenant's own.
                for (place, division) in replaced {
                    if let Some(at) = body.division.as_ref().filter(|at| *place == Place::Body((*at).clone()))
                    {
                        self.put(model, &mut value, at, division);
                    }
                }
                value
            }
            Some(typed) => self.typed(json!(typed).as_str().unwrap_or_default(), &name)?,
        };
        Some(Some(body))
    }

    /// A body that the gateway reads as a type of its own.
    fn typed(&self, model: &str, name: &str) -> Option<Value> {
        let address = || format!("{}@generated.example", name.replace(' ', "."));
        Some(match model {
            "UserSearchRequest" => json!({"pageSize": 100, "query": []}),
            "CreateUser" => json!({"name": name, "email": address()}),
            "UpdateUser" => json!({"version": 0, "title": "Generated"}),
            "CreateQueueRequest" | "QueueRequest" => json!({"name": name}),
            _ => {
                // A query: what it is about, and when.
                let api = self.catalog.api();
                let fields = api.model_named(self.told()?.body?)?;
                let mut query = json!({});
                if fields.field("interval").is_some() {
                    query["interval"] = json!(INTERVAL);
                }
                if let Some(FieldType::List(metric)) = fields.field("metrics").map(|field| &field.r#type) {
                    let allowed = self.operation.metrics.clone().map(Vec::from).unwrap_or_default();
                    let sample = || self.sample(metric, "metrics", "nConnected", 0);
                    query["metrics"] = json!([allowed.first().map_or_else(sample, |name| json!(name))]);
                    let is_named = json!(self.operation.guard)["named"]["queueId"].is_string();
                    if is_named && fields.field("groupBy").is_some() {
                        query["groupBy"] = json!(["queueId"]);
                    }
                }
                // Of jobs alone: so that there are several pages.
                if fields.field("pageSize").is_some() {
                    query["pageSize"] = json!(1);
                    let plain = json!(self.operation.guard)["plain"].clone();
                    let is_several = |one: &&Value| one.as_str().is_some_and(|one| SEVERAL.contains(&one));
                    query["groupBy"] =
                        plain.as_array().into_iter().flatten().filter(is_several).cloned().collect();
                }
                if fields.field("paging").is_some() {
                    query["paging"] = json!({"pageSize": 100, "pageNumber": 1});
                }
                query
            }
        })
    }

    /// A value of a type: what Genesys requires of it.
    fn sample(&self, kind: &FieldType, field: &str, name: &str, depth: usize) -> Value {
        match kind {
            FieldType::Text if field.contains("nterval") => json!(INTERVAL),
            FieldType::Text => json!(name),
            FieldType::Date => json!("2026-06-02"),
            FieldType::DateTime => json!("2026-06-02T10:00:00.000Z"),
            FieldType::Integer | FieldType::Number => json!(1),
            FieldType::Boolean => json!(true),
            FieldType::Enum(words) => json!(words[0]),
            FieldType::Any => json!({}),
            FieldType::List(item) if depth < 4 => json!([self.sample(item, field, name, depth + 1)]),
            FieldType::Map(_) | FieldType::List(_) => Value::Null,
            FieldType::Model(id) => {
                let model = self.catalog.api().model(*id).unwrap();
                let required =
                    model.fields().iter().filter(|one| one.required && !one.read_only && depth < 4);
                let value = |one: &ringfence::catalog::Field| {
                    (one.name.to_owned(), self.sample(&one.r#type, one.name, name, depth + 1))
                };
                Value::Object(required.map(value).collect::<Map<_, _>>())
            }
        }
    }

    /// Puts an id at a dotted place.
    fn put(&self, kind: &FieldType, value: &mut Value, place: &str, id: &str) {
        let (name, rest) = place.split_once('.').map_or((place, None), |(name, rest)| (name, Some(rest)));
        match kind {
            FieldType::List(item) => {
                if !value.is_array() {
                    *value = json!([Value::Null]);
                }
                for one in value.as_array_mut().unwrap() {
                    self.put(item, one, place, id);
                }
            }
            FieldType::Map(item) => {
                if !value.is_object() {
                    *value = json!({"key": Value::Null});
                }
                for one in value.as_object_mut().unwrap().values_mut() {
                    self.put(item, one, place, id);
                }
            }
            FieldType::Model(model) => {
                if !value.is_object() {
                    *value = self.sample(kind, "", "generated", 0);
                }
                let field = self.catalog.api().model(*model).unwrap().field(name).unwrap();
                let at = &mut value[name];
                match (rest, &field.r#type) {
                    (Some(rest), kind) => self.put(kind, at, rest, id),
                    (None, FieldType::List(_)) => *at = json!([id]),
                    (None, _) => *at = json!(id),
                }
            }
            FieldType::Text
            | FieldType::Date
            | FieldType::DateTime
            | FieldType::Integer
            | FieldType::Number
            | FieldType::Boolean
            | FieldType::Enum(_)
            | FieldType::Any => *value = json!(id),
        }
    }
}
