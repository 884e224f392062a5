//! Bodies that are read as Genesys's own model, with what is declared about the places where other things are named.

use serde::{Deserialize, Serialize};

use super::{
    api::{Api, Field, FieldType},
    entities::Entity,
};

/// How the body of an operation is read: as the model that the API's facts tell.
///
/// A field that names something else is refused unless it is declared here: whose that is, nobody would have asked.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredBody {
    /// Where the division stands of what is made (a dotted place): set by the gateway.
    #[serde(default)]
    pub division: Option<String>,
    /// Where a list of divisions stands in which something is looked for (a field of the body): set by the gateway.
    #[serde(default)]
    pub divisions: Option<String>,
    /// What else it may name, which must be the tenant's own.
    #[serde(default)]
    pub references: Vec<Reference>,
    /// Places that look as if they named something, and do not (dotted).
    #[serde(default)]
    pub plain: Vec<String>,
    /// Places that a tenant cannot set for another reason (dotted).
    #[serde(default)]
    pub refused: Vec<String>,
    /// What it is read as.
    #[serde(skip)]
    pub model: Option<FieldType>,
}

/// A place in a body where something is named.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Field names from the outside in, joined by dots; lists on the way are walked through. It ends in an id or in a list
    /// of ids.
    pub at: String,
    /// What is named.
    pub entity: Entity,
    /// Where it stands in what is shown, if elsewhere: what is replaced keeps what its sender is not shown.
    #[serde(default)]
    pub shown: Option<String>,
}

/// What a body may say at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// Whatever its type holds.
    Yes,
    /// It is read and not sent: Genesys alone says it.
    Unsent,
    /// It names something, and that alone is sent of it.
    Named,
    /// Nothing: what it would name cannot be checked.
    No,
}

/// How names of ids and of places of ids end.
const ENDINGS: [&str; 6] = ["Id", "Ids", "Uri", "Uris", "By", "Ref"];
/// What texts hold that name something without saying so by their ending.
const THINGS: [&str; 28] = [
    "agent",
    "assignee",
    "campaign",
    "contactlist",
    "conversation",
    "prompt",
    "workbin",
    "worktype",
    "contact",
    "division",
    "flow",
    "group",
    "language",
    "location",
    "manager",
    "member",
    "owner",
    "queue",
    "role",
    "schedule",
    "script",
    "site",
    "skill",
    "station",
    "team",
    "trunk",
    "user",
    "workgroup",
];

impl DeclaredBody {
    /// What may stand at a place, which is the last field of `at`.
    pub fn allows(&self, api: &Api, at: &str, field: &Field) -> Allowed {
        let is_declared =
            |place: &str| place == at || place.strip_prefix(at).is_some_and(|rest| rest.starts_with('.'));
        let named = || {
            self.references
                .iter()
                .map(|one| one.at.as_str())
                .chain(self.division.as_deref())
                .chain(self.divisions.as_deref())
        };
        if self.refused.iter().any(|place| place == at) {
            Allowed::No
        } else if named().any(is_declared) {
            Allowed::Named
        } else if self.plain.iter().any(|place| place == at) {
            Allowed::Yes
        } else if field.read_only || at == "id" || at == "selfUri" {
            Allowed::Unsent
        } else if names_something(api, field) {
            Allowed::No
        } else {
            Allowed::Yes
        }
    }

    /// Whether nothing at a place, or in it, names anything.
    pub fn is_plain(&self, at: &str) -> bool {
        let is_within = |place: &String| {
            at.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.plain.iter().any(is_within)
    }

    /// A declared place that is not as it must be; it would be a fence that nobody looks at.
    pub(super) fn misplaced(&self, api: &Api) -> Option<&str> {
        let ends = |place: &str| self.model.as_ref().and_then(|model| end(api, model, place, false));
        let is_text = |kind: &FieldType| matches!(kind, FieldType::Text);
        let is_texts = |kind: &FieldType| matches!(kind, FieldType::List(item) if is_text(item));
        let named = self.references.iter().map(|one| one.at.as_str());
        let mut named = named.filter(|place| !ends(place).is_some_and(|end| is_text(end) || is_texts(end)));
        // What is made is one thing, so its division stands in no list.
        let division = self.division.as_deref();
        let divided = self.model.as_ref().filter(|model| matches!(model, FieldType::Model(_)));
        let mut division = division.filter(|place| {
            let end = divided.and_then(|model| end(api, model, place, true));
            !end.is_some_and(is_text)
        });
        let mut divisions = self.divisions.as_deref().filter(|place| {
            let end = divided.and_then(|model| end(api, model, place, true));
            place.contains('.') || !end.is_some_and(is_texts)
        });
        let mut others = self.plain.iter().chain(&self.refused).map(String::as_str);
        named
            .next()
            .or_else(|| division.take())
            .or_else(|| divisions.take())
            .or_else(|| others.find(|place| !is_there(api, self, place)))
    }
}

fn is_there(api: &Api, body: &DeclaredBody, place: &str) -> bool {
    body.model.as_ref().is_some_and(|model| has(api, model, place))
}

/// The type of a place that is reached through models and, unless it is to be one thing, lists of them: nothing else is
/// walked through where what is named is looked for.
fn end<'m>(api: &'m Api, kind: &'m FieldType, place: &str, is_one: bool) -> Option<&'m FieldType> {
    let item = if let FieldType::List(item) = kind { Some(&**item) } else { None };
    let kind = item.filter(|_| !is_one).unwrap_or(kind);
    let FieldType::Model(id) = kind else { return None };
    let (name, rest) = place.split_once('.').map_or((place, None), |(name, rest)| (name, Some(rest)));
    let field = &api.model(*id)?.field(name)?.r#type;
    rest.map_or(Some(field), |rest| end(api, field, rest, is_one))
}

fn has(api: &Api, kind: &FieldType, place: &str) -> bool {
    let (name, rest) = place.split_once('.').map_or((place, None), |(name, rest)| (name, Some(rest)));
    let field = api.model_of(kind).and_then(|model| model.field(name));
    field.is_some_and(|field| rest.is_none_or(|rest| has(api, &field.r#type, rest)))
}

/// Whether a field may name something that has a division of its own, by how it is called and what it holds.
fn names_something(api: &Api, field: &Field) -> bool {
    match field.r#type.innermost() {
        FieldType::Model(id) => api.model(*id).is_none_or(|model| model.field("id").is_some()),
        FieldType::Any => true,
        FieldType::Text => {
            let name = field.name.strip_suffix('s').unwrap_or(field.name);
            ENDINGS.iter().any(|ending| field.name.ends_with(ending))
                || THINGS.iter().any(|thing| name.to_ascii_lowercase().ends_with(thing))
        }
        FieldType::Date
        | FieldType::DateTime
        | FieldType::Integer
        | FieldType::Number
        | FieldType::Boolean
        | FieldType::Enum(_)
        | FieldType::List(_)
        | FieldType::Map(_) => false,
    }
}
