//! Models: what bodies and answers are made of.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;

/// A model by its place among those that are held, as models may lead back to themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ModelId(pub(super) usize);

/// What a body, an answer or a part of one is made of.
#[derive(Debug)]
pub struct Model {
    /// Genesys's name, such as `User`.
    pub name: &'static str,
    // By length and name: few fields of one model share a length, so that a name is found with a comparison or two.
    fields: Box<[Field]>,
    // Where the fields of each length start.
    starts: Box<[usize]>,
}

/// One field of a model.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// Its exact name.
    pub name: &'static str,
    /// What it holds.
    pub r#type: FieldType,
    /// Whether Genesys refuses a body without it.
    pub required: bool,
    /// Whether Genesys sets it alone.
    pub read_only: bool,
}

/// What a field, a parameter or a body holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldType {
    /// Any text.
    Text,
    /// A day, as `2026-01-31`.
    Date,
    /// An instant, ISO-8601.
    DateTime,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// One of these words; Genesys may know more than its SDK.
    Enum(Arc<[&'static str]>),
    /// Whatever JSON there is.
    Any,
    /// A list.
    List(Box<FieldType>),
    /// An object whose names are free.
    Map(Box<FieldType>),
    /// An object of a model: [`super::Api::model`].
    Model(ModelId),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: &'static str,
    #[serde(borrow)]
    fields: BTreeMap<&'static str, Told>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    r#type: &'static str,
    #[serde(default, borrow)]
    r#enum: Vec<&'static str>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    read_only: bool,
}

/// Reads one model a line, sorted by name.
pub(super) fn read(text: &'static str) -> Result<Vec<Model>, String> {
    let lines: Vec<Line> = text
        .lines()
        .map(|line| serde_json::from_str(line).map_err(|error| format!("{error} in {line}")))
        .collect::<Result<_, _>>()?;
    if !lines.is_sorted_by(|one, next| one.name < next.name) {
        return Err("the models are not sorted, or one stands there twice".to_owned());
    }
    let named = |name: &str| lines.binary_search_by(|line| line.name.cmp(name)).ok().map(ModelId);
    lines.iter().map(|line| Model::of(line, &named)).collect()
}

/// Which of the models, sorted by name, has this one.
pub(super) fn id_of(models: &[Model], name: &str) -> Option<ModelId> {
    models.binary_search_by(|model| model.name.cmp(name)).ok().map(ModelId)
}

impl Model {
    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.get(self.place(name)?)
    }

    /// Its place among [`Model::fields`].
    pub fn place(&self, name: &str) -> Option<usize> {
        let start = *self.starts.get(name.len())?;
        let end = *self.starts.get(name.len() + 1)?;
        let last = name.as_bytes().last();
        let mut fields = self.fields.get(start..end)?.iter();
        let is_it = |field: &Field| field.name.as_bytes().last() == last && field.name == name;
        fields.position(is_it).map(|place| start + place)
    }

    /// All fields.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    fn of(line: &Line, named: &dyn Fn(&str) -> Option<ModelId>) -> Result<Self, String> {
        let field = |(name, told): (&&'static str, &Told)| {
            let r#type = FieldType::read(told.r#type, &told.r#enum, named).ok_or_else(|| {
                format!("the field `{}.{name}` is of the unknown type `{}`", line.name, told.r#type)
            })?;
            Ok::<_, String>(Field { name, r#type, required: told.required, read_only: told.read_only })
        };
        let mut fields: Vec<Field> = line.fields.iter().map(field).collect::<Result<_, _>>()?;
        fields.sort_by_key(|field| field.name.len());
        let longest = fields.last().map_or(0, |field| field.name.len());
        let starts = (0..=longest + 1)
            .map(|length| fields.partition_point(|field| field.name.len() < length))
            .collect();
        Ok(Self { name: line.name, fields: fields.into(), starts })
    }
}

impl FieldType {
    /// What lists and maps hold in the end; of another type, itself.
    pub fn innermost(&self) -> &Self {
        match self {
            Self::List(inner) | Self::Map(inner) => inner.innermost(),
            Self::Text
            | Self::Date
            | Self::DateTime
            | Self::Integer
            | Self::Number
            | Self::Boolean
            | Self::Enum(_)
            | Self::Any
            | Self::Model(_) => self,
        }
    }

    /// What a type says as it is written: `string`, `User`, `User[]`, `map<integer>`.
    pub(super) fn read(
        written: &str,
        words: &[&'static str],
        named: &dyn Fn(&str) -> Option<ModelId>,
    ) -> Option<Self> {
        if let Some(item) = written.strip_suffix("[]") {
            return Some(Self::List(Box::new(Self::read(item, words, named)?)));
        }
        if let Some(value) = written.strip_prefix("map<").and_then(|rest| rest.strip_suffix('>')) {
            return Some(Self::Map(Box::new(Self::read(value, words, named)?)));
        }
        Some(match written {
            "string" if !words.is_empty() => Self::Enum(words.into()),
            "string" => Self::Text,
            "date" => Self::Date,
            "date-time" => Self::DateTime,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            "any" => Self::Any,
            name => Self::Model(named(name)?),
        })
    }
}
