//! What a policy masks can be asked by in no request: by trial, a hidden number would be found out digit by digit.
//!
//! Refused is what would let a masked value decide which answer comes: predicates, groups and facets over it, a search or
//! an order by it, and operations that tell by nothing but their answer whether it stands somewhere. Writing a masked
//! field is no disclosure, but a replacement would destroy what its sender cannot see.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::{
    asked::{Asked, Body, declared, predicates},
    authorize::Permit,
    denial::Denial,
    document::{Value, owned},
    guard,
};
use crate::{
    catalog::{
        Allowed, Api, Catalog, ConversationQuery, DeclaredBody, Field, FieldType, Filter, Masking, Model,
        Operation, ParameterKind, Predicate, UserSearchCriteria, UserSearchRequest,
    },
    model::Masks,
};

/// Parameters that say by which field a list is sorted.
const ORDERS: [&str; 3] = ["sortBy", "orderBy", "sort"];
/// The model that a user search looks at.
const USER: &str = "User";

/// Refuses a request that asks by what is masked, or whose answer nothing could be taken out of.
pub(super) fn check(catalog: &Catalog, permit: &Permit, asked: &Asked<'_>) -> Result<(), Denial> {
    let masks = permit.masks();
    if masks.is_empty() {
        return Ok(());
    }
    let operation = permit.operation();
    let hidden = Hidden { api: catalog.api(), masking: catalog.masking(), masks };
    hidden.operation(operation)?;
    hidden.query(operation, asked)?;
    match &asked.body {
        // They are replaced whole: who cannot see them would take some away.
        Body::UserChange(user) if user.addresses.is_some() => {
            hidden.user_field("addresses", || "`addresses`".to_owned())
        }
        Body::None
        | Body::NewUser(_)
        | Body::UserChange(_)
        | Body::NewQueue(_)
        | Body::QueueChange(_)
        | Body::Rotation(_) => Ok(()),
        Body::Conversations(query) => hidden.conversations(query),
        Body::Users(search) => hidden.users(search),
        Body::Aggregates(query) => {
            hidden.filter("filter", query.filter.as_ref())?;
            hidden.group_by(asked)
        }
        Body::Activity(query) => {
            hidden.filter("filter", query.filter.as_ref())?;
            hidden.group_by(asked)
        }
        Body::Observations(query) => hidden.filter("filter", query.filter.as_ref()),
        Body::Document(_) => hidden.document(operation),
    }
}

/// Leaves in a replacement what stands at the places that are masked, as its sender saw nothing there; one that names such a
/// place is refused.
pub(super) fn keep(
    catalog: &Catalog,
    permit: &Permit,
    document: &mut Value<'_>,
    current: &Json,
    body: &DeclaredBody,
) -> Result<(), Denial> {
    let (api, masking, masks) = (catalog.api(), catalog.masking(), permit.masks());
    match &body.model {
        Some(kind) if !masks.is_empty() => {
            Hidden { api, masking, masks }.keep(document, (current, kind), body, "")
        }
        Some(_) | None => Ok(()),
    }
}

/// What is hidden from whom asks.
#[derive(Clone, Copy)]
struct Hidden<'h> {
    api: &'h Api,
    masking: &'h Masking,
    masks: Masks,
}

impl Hidden<'_> {
    fn operation(self, operation: &Operation) -> Result<(), Denial> {
        self.refuse(self.masking.operation(&operation.id), || "this operation".to_owned())?;
        let is_readable = guard::is_empty(operation) || guard::answered(self.api, operation).is_some();
        if is_readable { Ok(()) } else { self.refuse(Masks::ALL, || "this operation".to_owned()) }
    }

    fn query(self, operation: &Operation, asked: &Asked<'_>) -> Result<(), Denial> {
        let sent = |name: &str| !asked.query.all(name).is_empty();
        for parameter in operation.query.iter().filter(|parameter| sent(&parameter.name)) {
            let name = parameter.name.as_str();
            let place = || format!("the parameter `{name}`");
            match &parameter.is {
                ParameterKind::Text { .. } => self.refuse(self.masking.parameter(name), place)?,
                ParameterKind::OneOf { .. } if ORDERS.contains(&name) => {
                    for field in asked.query.all(name) {
                        self.refuse(self.masking.dimension(field), place)?;
                    }
                }
                ParameterKind::OneOf { .. }
                | ParameterKind::Integer { .. }
                | ParameterKind::Boolean
                | ParameterKind::List { .. }
                | ParameterKind::Expand => {}
            }
        }
        Ok(())
    }

    fn conversations(self, query: &ConversationQuery<'_>) -> Result<(), Denial> {
        for (kind, filters) in [
            ("conversationFilters", &query.conversation_filters),
            ("segmentFilters", &query.segment_filters),
            ("evaluationFilters", &query.evaluation_filters),
            ("surveyFilters", &query.survey_filters),
            ("resolutionFilters", &query.resolution_filters),
        ] {
            for (number, filter) in filters.iter().flatten().enumerate() {
                self.filter(&format!("{kind}[{number}]"), Some(filter))?;
            }
        }
        for (number, facet) in query.aggregations.iter().flatten().enumerate() {
            let place = || format!("`aggregations[{number}].dimension`");
            facet.dimension.iter().try_for_each(|name| self.dimension(name, place))?;
        }
        let place = || "`orderBy`".to_owned();
        query.order_by.as_deref().map_or(Ok(()), |name| self.dimension(name, place))
    }

    fn filter(self, at: &str, filter: Option<&Filter<'_>>) -> Result<(), Denial> {
        let Some(filter) = filter else { return Ok(()) };
        // Nearly none names what is masked: where it stands is found out when one does.
        let named = |predicate: &Predicate<'_>| {
            let of = predicate.dimension.as_deref().map_or(Masks::NONE, |name| self.masking.dimension(name));
            // A property's name is free text.
            of | if predicate.property.is_some() { Masks::ALL } else { Masks::NONE }
        };
        let masked = predicates(filter).find(|predicate| named(predicate).meets(self.masks));
        masked.map_or(Ok(()), |predicate| {
            self.refuse(named(predicate), || format!("`{}.dimension`", place_of(at, filter, predicate)))
        })
    }

    fn group_by(self, asked: &Asked<'_>) -> Result<(), Denial> {
        let mut by = asked.body.group_by().iter().enumerate();
        by.try_for_each(|(number, name)| self.dimension(name, || format!("`groupBy[{number}]`")))
    }

    fn users(self, search: &UserSearchRequest<'_>) -> Result<(), Denial> {
        let sorted = search.sort.iter().flatten().enumerate();
        for (number, sort) in sorted {
            let place = || format!("`sort[{number}].sortBy`");
            sort.sort_by.as_deref().map_or(Ok(()), |field| self.user_field(field, place))?;
        }
        let by = search.sort_by.as_deref();
        by.map_or(Ok(()), |field| self.user_field(field, || "`sortBy`".to_owned()))?;
        self.criteria("query", search.query.as_deref().unwrap_or_default())
    }

    fn criteria(self, at: &str, criteria: &[UserSearchCriteria<'_>]) -> Result<(), Denial> {
        for (number, one) in criteria.iter().enumerate() {
            let at = format!("{at}[{number}]");
            for (number, field) in one.fields.iter().flatten().enumerate() {
                self.user_field(field, || format!("`{at}.fields[{number}]`"))?;
            }
            self.criteria(&format!("{at}.group"), one.group.as_deref().unwrap_or_default())?;
        }
        Ok(())
    }

    /// What is searched is the field with all that stands in it.
    fn user_field(self, field: &str, place: impl Fn() -> String) -> Result<(), Denial> {
        let user = self.api.field_type(USER);
        let whole = field.split_once('.').map_or(field, |(whole, _)| whole);
        let of = match user.as_ref().and_then(|user| self.api.model_of(user)) {
            Some(model) => model.field(whole).map(|field| self.of(model, field)),
            None => None,
        };
        self.refuse(of.unwrap_or_else(|| self.masking.dimension(whole)), place)
    }

    /// A replacement of what is not looked up first takes away what its sender cannot see; that of what is looked up keeps
    /// it, as it is made ([`Hidden::keep`]).
    fn document(self, operation: &Operation) -> Result<(), Denial> {
        let Some(body) = declared(operation) else { return Ok(()) };
        let reads = operation.groups.iter().any(|group| group == "reads");
        let replaces = operation.method == "PUT" && !operation.replaces_what_was_looked_up();
        if !reads && !replaces {
            return Ok(());
        }
        let masks = body.model.as_ref().map_or(Masks::ALL, |kind| self.settable(body, kind));
        self.refuse(masks, || "the body".to_owned())
    }

    /// Of what stands, `current` of a type, a document keeps what is masked.
    fn keep(
        self,
        document: &mut Value<'_>,
        (current, kind): (&Json, &FieldType),
        body: &DeclaredBody,
        above: &str,
    ) -> Result<(), Denial> {
        let (Value::Object(fields), Some(model)) = (document, self.api.model_of(kind)) else {
            return Ok(());
        };
        for field in model.fields() {
            let at = if above.is_empty() { field.name.to_owned() } else { format!("{above}.{}", field.name) };
            let (own, of) = (self.masking.field(model, field), self.of(model, field));
            if body.allows(self.api, &at, field) != Allowed::Yes || !of.meets(self.masks) {
                continue;
            }
            let stands = current.get(field.name);
            let named = fields.iter_mut().find(|(name, _)| **name == *field.name).map(|(_, value)| value);
            let is_object = matches!(named, Some(Value::Object(_)));
            let is_part = is_object && matches!(field.r#type, FieldType::Model(_)) && !own.meets(self.masks);
            match (named, stands) {
                (None, Some(stands)) => fields.push((field.name.into(), owned(stands))),
                (None, None) => {}
                (Some(named), _) if is_part => {
                    self.keep(named, (stands.unwrap_or(&Json::Null), &field.r#type), body, &at)?;
                }
                (Some(_), _) => self.refuse(of, || format!("`{at}`"))?,
            }
        }
        Ok(())
    }

    /// By which masks any of what a body may set goes.
    fn settable(self, body: &DeclaredBody, kind: &FieldType) -> Masks {
        let Some(model) = self.api.model_of(kind) else { return Masks::ALL };
        let fields = model.fields().iter();
        let settable = fields.filter(|field| body.allows(self.api, field.name, field) == Allowed::Yes);
        settable.fold(Masks::NONE, |all, field| all | self.of(model, field))
    }

    /// By which masks a field goes, or anything in it.
    fn of(self, model: &Model, field: &Field) -> Masks {
        self.masking.field(model, field) | self.below(&field.r#type, &mut HashSet::new())
    }

    /// By which masks anything in a value of a type goes.
    fn below(self, kind: &FieldType, seen: &mut HashSet<&'static str>) -> Masks {
        let Some(model) = self.api.model_of(kind).filter(|model| seen.insert(model.name)) else {
            return Masks::NONE;
        };
        model.fields().iter().fold(Masks::NONE, |all, field| {
            all | self.masking.field(model, field) | self.below(&field.r#type, seen)
        })
    }

    fn dimension(self, name: &str, place: impl Fn() -> String) -> Result<(), Denial> {
        self.refuse(self.masking.dimension(name), place)
    }

    /// Refuses what goes by one of the caller's masks.
    fn refuse(self, of: Masks, place: impl Fn() -> String) -> Result<(), Denial> {
        if !of.meets(self.masks) {
            return Ok(());
        }
        let met: Masks = of.iter().filter(|mask| self.masks.meets((*mask).into())).collect();
        let place = place();
        Err(Denial::FieldMasked(format!(
            "Your policy masks {met}, so {place} cannot be used here: leave it out, or ask your operator."
        )))
    }
}

/// Where a predicate stands in its filter.
fn place_of(at: &str, filter: &Filter<'_>, predicate: &Predicate<'_>) -> String {
    let is_it = |one: &Predicate<'_>| std::ptr::eq(one, predicate);
    let first = filter.predicates.iter().flatten().position(is_it);
    let clauses = filter.clauses.iter().flatten().enumerate();
    let mut inside =
        clauses.filter_map(|(clause, one)| Some((clause, one.predicates.iter().position(is_it)?)));
    match (first, inside.next()) {
        (Some(number), _) => format!("{at}.predicates[{number}]"),
        (None, Some((clause, number))) => format!("{at}.clauses[{clause}].predicates[{number}]"),
        (None, None) => at.to_owned(),
    }
}
