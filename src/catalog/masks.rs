//! What masks take out of answers, and out of reach of queries: `policies/masks.toml`.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;

use super::{
    CatalogError,
    api::{Api, Field, FieldType, Model},
};
use crate::model::{Mask, Masks};

const FILE: &str = "masks.toml";
const EMBEDDED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/policies/masks.toml"));

/// By which masks each field goes, and each parameter is refused.
#[derive(Debug)]
pub struct Masking {
    // By model, and its field.
    of: HashMap<String, HashMap<String, Masks>>,
    // By model: each of its texts.
    models: HashMap<String, Masks>,
    // By name: a text in any model, or a dimension.
    fields: HashMap<String, Masks>,
    // What searches alone call so.
    dimensions: HashMap<String, Masks>,
    parameters: HashMap<String, Masks>,
    operations: HashMap<String, Masks>,
    // By model, of each of its fields.
    resolved: HashMap<&'static str, Box<[Masks]>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    rule: Vec<Rule>,
    dimension: Vec<Named>,
    parameter: Vec<Named>,
    operation: Vec<Named>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    by: HashSet<Mask>,
    #[serde(default)]
    fields: Vec<String>,
    #[serde(default)]
    models: Vec<String>,
    #[serde(default)]
    of: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    by: HashSet<Mask>,
    names: Vec<String>,
}

impl Masking {
    /// The embedded `policies/masks.toml`.
    pub fn embedded(api: &Api) -> Result<Self, CatalogError> {
        Self::read(EMBEDDED, api).map_err(|why| CatalogError::Unreadable { file: FILE.to_owned(), why })
    }

    /// Reads such a file. What stands in it twice is refused, whatever it says.
    pub fn read(text: &str, api: &Api) -> Result<Self, String> {
        let source: Source = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut of = Vec::new();
        let (mut models, mut fields) = (Vec::new(), Vec::new());
        for rule in source.rule {
            let by: Masks = rule.by.into_iter().collect();
            let owned = |(model, fields): (String, Vec<String>)| {
                fields.into_iter().map(move |field| ((model.clone(), field), by))
            };
            of.extend(rule.of.into_iter().flat_map(owned));
            models.extend(rule.models.into_iter().map(|model| (model, by)));
            fields.extend(rule.fields.into_iter().map(|field| (field, by)));
        }
        let dimensions = source.dimension.into_iter().flat_map(|one| named(one.by, one.names));
        let parameters = source.parameter.into_iter().flat_map(|one| named(one.by, one.names));
        let operations = source.operation.into_iter().flat_map(|one| named(one.by, one.names));
        let mut masking = Self {
            of: by_model(once(of.into_iter())?),
            models: once(models.into_iter())?,
            fields: once(fields.into_iter())?,
            dimensions: once(dimensions)?,
            parameters: once(parameters)?,
            operations: once(operations)?,
            resolved: HashMap::new(),
        };
        let of = |model: &Model| model.fields().iter().map(|field| masking.field(model, field)).collect();
        masking.resolved = api.models().iter().map(|model| (model.name, of(model))).collect();
        Ok(masking)
    }

    /// By which masks each field of a model goes, in their order.
    pub fn fields(&self, model: &Model) -> &[Masks] {
        self.resolved.get(model.name).map_or(&[], AsRef::as_ref)
    }

    /// By which masks a field goes; none where it always stays, all where nothing is known of it.
    pub fn field(&self, model: &Model, field: &Field) -> Masks {
        self.own(model.name, field.name).or_else(|| self.text(model.name, field)).unwrap_or(Masks::ALL)
    }

    fn own(&self, model: &str, field: &str) -> Option<Masks> {
        self.of.get(model)?.get(field).copied()
    }

    fn text(&self, model: &str, field: &Field) -> Option<Masks> {
        if !is_text(&field.r#type) {
            return Some(Masks::NONE);
        }
        let by_model = self.models.get(model).filter(|_| !is_id(field.name));
        by_model.copied().or_else(|| self.named(field.name))
    }

    fn named(&self, name: &str) -> Option<Masks> {
        self.fields.get(name).copied().or_else(|| is_id(name).then_some(Masks::NONE))
    }

    /// By which masks a dimension of analytics, or a field that a search names, is out of reach; of a dotted place, any of its
    /// parts counts.
    pub fn dimension(&self, name: &str) -> Masks {
        let known = |part: &str| self.dimensions.get(part).copied().or_else(|| self.named(part));
        let each = |part| known(part).unwrap_or(Masks::ALL);
        name.split('.').map(each).fold(Masks::NONE, |all, by| all | by)
    }

    /// By which masks a parameter of a query is refused.
    pub fn parameter(&self, name: &str) -> Masks {
        self.parameters.get(name).copied().unwrap_or(Masks::ALL)
    }

    /// By which masks an operation is refused, whatever is asked of it.
    pub fn operation(&self, id: &str) -> Masks {
        self.operations.get(id).copied().unwrap_or_default()
    }
}

fn by_model(of: HashMap<(String, String), Masks>) -> HashMap<String, HashMap<String, Masks>> {
    let mut models: HashMap<_, HashMap<_, _>> = HashMap::new();
    for ((model, field), by) in of {
        models.entry(model).or_default().insert(field, by);
    }
    models
}

fn named(by: HashSet<Mask>, names: Vec<String>) -> impl Iterator<Item = (String, Masks)> {
    let by: Masks = by.into_iter().collect();
    names.into_iter().map(move |name| (name, by))
}

fn once<N: std::hash::Hash + Eq + std::fmt::Debug>(
    said: impl Iterator<Item = (N, Masks)>,
) -> Result<HashMap<N, Masks>, String> {
    let mut known = HashMap::new();
    for (name, by) in said {
        if known.contains_key(&name) {
            return Err(format!("{name:?} stands there twice"));
        }
        known.insert(name, by);
    }
    Ok(known)
}

/// Whether free text may stand there.
fn is_text(r#type: &FieldType) -> bool {
    matches!(r#type.innermost(), FieldType::Text | FieldType::Any)
}

/// Whether it names something, and tells no more of it.
fn is_id(name: &str) -> bool {
    name == "id" || name.ends_with("Id") || name.ends_with("Ids")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    fn of(catalog: &Catalog, model: &str, field: &str) -> Masks {
        let model = catalog.api().model_named(model).unwrap();
        catalog.masking().field(model, model.field(field).unwrap())
    }

    #[test]
    fn each_field_of_an_answer_and_each_parameter_is_spoken_of() {
        let catalog = Catalog::embedded().unwrap();
        let masking = catalog.masking();
        let (mut reached, mut silent) = (HashSet::new(), Vec::new());
        let mut next: Vec<FieldType> = Vec::new();
        for operation in catalog.operations() {
            let response = catalog.api().operation(&operation.id).and_then(|known| known.response);
            next.extend(response.and_then(|written| catalog.api().field_type(written)));
            for parameter in &operation.query {
                let is_text = matches!(parameter.is, crate::catalog::ParameterKind::Text { .. });
                let name = &parameter.name;
                if is_text && !masking.parameters.contains_key(name) {
                    silent.push(format!("{}?{name}", operation.id));
                }
            }
        }
        while let Some(one) = next.pop() {
            let model = catalog.api().model_of(&one).filter(|model| reached.insert(model.name));
            let Some(model) = model else { continue };
            for field in model.fields() {
                next.push(field.r#type.clone());
                let own = masking.own(model.name, field.name);
                if own.or_else(|| masking.text(model.name, field)).is_none() {
                    silent.push(format!("{}.{}", model.name, field.name));
                }
            }
        }
        assert!(reached.len() > 500, "{}", reached.len());
        assert_eq!(silent, Vec::<String>::new(), "say in policies/masks.toml by which masks they go");
    }

    #[test]
    fn each_dimension_is_spoken_of() {
        let catalog = Catalog::embedded().unwrap();
        let masking = catalog.masking();
        let predicates = catalog.api().models().iter().filter(|model| model.name.ends_with("QueryPredicate"));
        let dimensions = predicates.filter_map(|model| {
            let FieldType::Enum(words) = &model.field("dimension")?.r#type else { return None };
            Some(words.to_vec())
        });
        let dimensions: HashSet<_> = dimensions.flatten().collect();
        assert!(dimensions.len() > 200, "{}", dimensions.len());
        let silent: Vec<_> = dimensions
            .into_iter()
            .filter(|name| !masking.fields.contains_key(*name) && !is_id(name))
            .collect();
        assert_eq!(silent, Vec::<&str>::new(), "say in policies/masks.toml by which masks they go");
    }

    #[test]
    fn what_is_spoken_of_is_there() {
        let catalog = Catalog::embedded().unwrap();
        let masking = catalog.masking();
        let api = catalog.api();
        let models = masking.of.keys().chain(masking.models.keys());
        for model in models {
            assert!(api.model_named(model).is_some(), "{model}");
        }
        for (model, field) in
            masking.of.iter().flat_map(|(model, of)| of.keys().map(move |field| (model, field)))
        {
            assert!(api.model_named(model).unwrap().field(field).is_some(), "{model}.{field}");
        }
        for id in masking.operations.keys() {
            assert!(catalog.named(id).is_some(), "{id}");
        }
    }

    #[test]
    fn a_field_goes_by_what_is_said_of_it_in_its_model_then_of_its_model_then_of_its_name() {
        let catalog = Catalog::embedded().unwrap();
        let [numbers, names] = [Mask::Numbers, Mask::Names].map(Masks::from);
        assert_eq!(of(&catalog, "ExternalContact", "lastName"), names);
        assert!(
            of(&catalog, "Participant", "name").meets(numbers),
            "a number stands there where no name is known"
        );
        assert_eq!(of(&catalog, "User", "name"), Masks::NONE);
        assert!(of(&catalog, "Participant", "ani").meets(numbers));
        assert!(of(&catalog, "ConversationContentCard", "title").meets(numbers));
        assert_eq!(of(&catalog, "Participant", "queueId"), Masks::NONE);
        assert_eq!(catalog.masking().dimension("queueId"), Masks::NONE);
        assert!(catalog.masking().dimension("ani").meets(numbers));
        assert_eq!(catalog.masking().dimension("invented"), Masks::ALL);
        assert_eq!(catalog.masking().parameter("invented"), Masks::ALL);
        // An id that is an address.
        assert!(of(&catalog, "Chat", "jabberId").meets(Mask::Addresses.into()));
        for place in ["chat.jabberId", "addresses.x", "email"] {
            assert!(catalog.masking().dimension(place).meets(Mask::Addresses.into()), "{place}");
        }
        assert_eq!(catalog.masking().dimension("routingSkills"), Masks::NONE);
        // An object goes whole where it is named.
        assert!(of(&catalog, "ExternalContact", "identifiers").meets(numbers));
    }

    #[test]
    fn what_is_said_twice_does_not_load() {
        let rule = "[[rule]]\nby = [\"names\"]\nfields = [\"a\"]\n";
        let rest = "[[dimension]]\nby = []\nnames = []\n[[parameter]]\nby = []\nnames = []\n[[operation]]\nby = []\nnames = []\n";
        let api = Api::embedded().unwrap();
        let read = |text: String| Masking::read(&text, &api);
        assert!(read(format!("{rule}{rest}")).is_ok());
        assert!(read(format!("{rule}{rule}{rest}")).is_err());
        assert!(read(format!("{}{rest}", rule.replace("names\"]", "nicknames\"]"))).is_err());
    }
}
