//! What a request asks for: its one typed parse, from which policies are asked and the upstream request is built.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
use http::HeaderMap;

use super::{
    body,
    denial::Invalid,
    document::{self, Value},
    lenient::Sent,
    query::Query,
};
use crate::{
    catalog::{
        ActivityQuery, AggregationQuery, Api, BodyModel, Contact, ConversationQuery, CreateUser,
        DeclaredBody, Entity, Filter, KeyRotation, Narrowing, ObservationQuery, Operation, Paging, Predicate,
        QueueRequest, UpdateUser, UserSearchRequest,
    },
    model::{Claim, Text},
};

/// Genesys's own default of the list of users.
pub(super) const USERS_PAGE_SIZE: i64 = 25;

/// What one body may name: each is looked up.
const MOST_REFERENCES: usize = 20;

/// A request, parsed.
#[derive(Debug, Clone)]
pub(super) struct Asked<'a> {
    /// The path's parameters, decoded.
    pub(super) parameters: Vec<(String, String)>,
    /// The query's.
    pub(super) query: Query,
    /// The body.
    pub(super) body: Body<'a>,
    /// Old forms that were translated, for the event.
    pub(super) notes: Vec<String>,
    /// What it is claimed by, where it is to be made once.
    pub(super) claim: Option<Box<Claim>>,
}

/// A body, as the operation's model.
#[derive(Debug, Clone)]
pub(super) enum Body<'a> {
    /// The operation takes none.
    None,
    /// Of the conversation details query.
    Conversations(Box<ConversationQuery<'a>>),
    /// Of the user search.
    Users(Box<UserSearchRequest<'a>>),
    /// Of the conversation aggregates query.
    Aggregates(Box<AggregationQuery<'a>>),
    /// Of an activity query.
    Activity(Box<ActivityQuery<'a>>),
    /// Of an observations query.
    Observations(Box<ObservationQuery<'a>>),
    /// A user to be made.
    NewUser(Box<CreateUser<'a>>),
    /// What of a user is to change.
    UserChange(Box<UpdateUser<'a>>),
    /// A queue to be made.
    NewQueue(Box<QueueRequest<'a>>),
    /// What a queue is to be.
    QueueChange(Box<QueueRequest<'a>>),
    /// For how many seconds a rotated key and the one that follows it both work.
    Rotation(u32),
    /// As the API's facts and the catalog declare it.
    Document(Value<'a>),
}

impl<'a> Body<'a> {
    /// The dimensions by which a query counts apart.
    pub(super) fn group_by(&self) -> &[Text<'a>] {
        match self {
            Self::Aggregates(query) => query.group_by.as_deref().unwrap_or_default(),
            Self::Activity(query) => query.group_by.as_deref().unwrap_or_default(),
            Self::None
            | Self::Conversations(_)
            | Self::Users(_)
            | Self::Observations(_)
            | Self::NewUser(_)
            | Self::UserChange(_)
            | Self::NewQueue(_)
            | Self::QueueChange(_)
            | Self::Rotation(_)
            | Self::Document(_) => &[],
        }
    }
}

impl<'a> Asked<'a> {
    /// Parses a request against its operation.
    pub(super) fn read(
        api: &Api,
        operation: &Operation,
        parameters: Vec<(String, String)>,
        query: &str,
        headers: &HeaderMap,
        sent: &'a Sent,
    ) -> Result<Self, Invalid> {
        let mut query = Query::read(query, operation)?;
        let (body, notes) = sent.read(api, operation, headers)?;
        // The search that it becomes always says a size: policies are told it.
        if matches!(operation.narrowing, Narrowing::Translate { .. }) && query.one("pageSize").is_none() {
            query.set("pageSize", vec![USERS_PAGE_SIZE.to_string()]);
        }
        Ok(Self { parameters, query, body, notes, claim: None })
    }

    /// The divisions that the request names where the operation takes divisions; `None` where it names none.
    pub(super) fn divisions(&self, operation: &Operation) -> Option<Vec<&str>> {
        match (&operation.narrowing, &self.body) {
            (Narrowing::DivisionQuery { parameter, .. }, _) => {
                let named = self.query.all(parameter);
                (!named.is_empty()).then(|| named.iter().map(String::as_str).collect())
            }
            (_, Body::Conversations(query)) => {
                let named = query.division_ids.as_ref()?;
                Some(named.iter().map(|id| &**id).collect())
            }
            (_, Body::Aggregates(query)) => {
                let named = query.division_ids.as_ref()?;
                Some(named.iter().map(|id| &**id).collect())
            }
            (_, Body::NewUser(user)) => user.division_id.as_deref().map(|id| vec![id]),
            (_, Body::NewQueue(queue) | Body::QueueChange(queue)) => {
                queue.division.as_ref().map(|one| vec![&*one.id])
            }
            (Narrowing::OwnedDivision, Body::Document(document)) => {
                let named = document.texts_at(declared(operation)?.division.as_deref()?);
                (!named.is_empty()).then_some(named)
            }
            (Narrowing::DivisionField, Body::Document(document)) => {
                let named = document.texts_at(declared(operation)?.divisions.as_deref()?);
                (!named.is_empty()).then_some(named)
            }
            (
                _,
                Body::None
                | Body::Users(_)
                | Body::Activity(_)
                | Body::Observations(_)
                | Body::UserChange(_)
                | Body::Rotation(_)
                | Body::Document(_),
            ) => None,
        }
    }

    /// What the query and the body refer to, which must be the tenant's own; each once.
    pub(super) fn references(&self, operation: &Operation) -> Vec<(Entity, &str)> {
        let named = operation.query.iter().filter_map(|one| Some((one.names()?, self.query.all(&one.name))));
        let named = named.flat_map(|(entity, ids)| ids.iter().map(move |id| (entity, id.as_str())));
        let mut named: Vec<_> = named.collect::<BTreeSet<_>>().into_iter().collect();
        named.extend(self.named(operation));
        named
    }

    fn named(&self, operation: &Operation) -> Vec<(Entity, &str)> {
        match &self.body {
            Body::UserChange(user) => user.manager.iter().map(|id| (Entity::User, &**id)).collect(),
            Body::NewQueue(queue) => queue.source_queue_id.iter().map(|id| (Entity::Queue, &**id)).collect(),
            Body::Document(document) => {
                let declared = declared(operation).map_or(&[][..], |body| &body.references);
                let named = declared.iter().flat_map(|reference| {
                    document.texts_at(&reference.at).into_iter().map(|id| (reference.entity, id))
                });
                named.collect::<BTreeSet<_>>().into_iter().collect()
            }
            Body::None
            | Body::Conversations(_)
            | Body::Users(_)
            | Body::Aggregates(_)
            | Body::Activity(_)
            | Body::Observations(_)
            | Body::NewUser(_)
            | Body::Rotation(_)
            | Body::QueueChange(_) => Vec::new(),
        }
    }
}

/// Parses a body as its operation's model; notes say what was translated.
pub(super) fn read_body<'a>(
    api: &Api,
    operation: &Operation,
    headers: &HeaderMap,
    bytes: &'a [u8],
) -> Result<(Body<'a>, Vec<String>), Invalid> {
    let mut notes = Vec::new();
    let body = match &operation.body {
        Some(model @ (BodyModel::ConversationQuery | BodyModel::AsyncConversationQuery)) => {
            let mut asked = conversations(headers, bytes)?;
            notes = translate(&mut asked)?;
            body::of_its_model(model, &body::of_conversations(&asked))?;
            Body::Conversations(Box::new(asked))
        }
        Some(BodyModel::UserSearchRequest) => Body::Users(body::parse(headers, bytes)?),
        Some(model @ (BodyModel::AggregationQuery | BodyModel::AsyncAggregationQuery)) => {
            let asked: Box<AggregationQuery<'_>> = body::parse(headers, bytes)?;
            body::of_its_model(model, &[("pageSize", true, asked.page_size.is_some())])?;
            named_divisions(asked.division_ids.as_deref())?;
            Body::Aggregates(asked)
        }
        Some(BodyModel::ActivityQuery) => Body::Activity(body::parse(headers, bytes)?),
        Some(BodyModel::ObservationQuery) => Body::Observations(body::parse(headers, bytes)?),
        Some(BodyModel::CreateUser) => {
            let asked: Box<CreateUser<'_>> = body::parse(headers, bytes)?;
            personal(asked.addresses.as_deref())?;
            Body::NewUser(asked)
        }
        Some(BodyModel::UpdateUser) => {
            let asked: Box<UpdateUser<'_>> = body::parse(headers, bytes)?;
            personal(asked.addresses.as_deref())?;
            Body::UserChange(asked)
        }
        Some(BodyModel::CreateQueueRequest) => Body::NewQueue(new_queue(headers, bytes)?),
        Some(BodyModel::QueueRequest) => Body::QueueChange(body::parse(headers, bytes)?),
        Some(BodyModel::KeyRotation) => {
            Body::Rotation(body::parse::<KeyRotation>(headers, bytes)?.overlap_seconds)
        }
        Some(BodyModel::Declared(declared)) => {
            body::check_type(headers, bytes)?;
            let document = document::read(api, declared, bytes)?;
            check_divisions(&document, declared)?;
            let named = declared.references.iter().map(|one| document.texts_at(&one.at).len());
            if named.sum::<usize>() > MOST_REFERENCES {
                let message = format!(
                    "The body names more than {MOST_REFERENCES} other objects; send fewer at a time."
                );
                return Err(Invalid::new("ringfence.body_invalid", message));
            }
            Body::Document(document)
        }
        None if bytes.is_empty() => Body::None,
        None => {
            return Err(Invalid::new("ringfence.body_unexpected", "This operation takes no body."));
        }
    };
    Ok((body, notes))
}

/// How the body is declared, where it is read as the API's facts tell.
pub(super) fn declared(operation: &Operation) -> Option<&DeclaredBody> {
    match &operation.body {
        Some(BodyModel::Declared(body)) => Some(body),
        Some(_) | None => None,
    }
}

/// All of a query's filters, of every kind.
pub(super) fn filters<'q, 'a>(query: &'q ConversationQuery<'a>) -> impl Iterator<Item = &'q Filter<'a>> {
    [
        &query.conversation_filters,
        &query.segment_filters,
        &query.evaluation_filters,
        &query.survey_filters,
        &query.resolution_filters,
    ]
    .into_iter()
    .flatten()
    .flatten()
}

/// All predicates of a filter, of both levels.
pub(super) fn predicates<'f, 'a>(filter: &'f Filter<'a>) -> impl Iterator<Item = &'f Predicate<'a>> {
    let inner = filter.clauses.iter().flatten().flat_map(|clause| &clause.predicates);
    filter.predicates.iter().flatten().chain(inner)
}

/// The length of an ISO-8601 interval `start/end`; `None` where it is not one.
pub(super) fn interval_seconds(text: &str) -> Option<i64> {
    let (start, end) = interval(text)?;
    let seconds = (end - start).num_seconds();
    (seconds >= 0).then_some(seconds)
}

/// The start and the end of an ISO-8601 interval `start/end`.
pub(super) fn interval(text: &str) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let (start, end) = text.split_once('/')?;
    Some((moment(start)?, moment(end)?))
}

/// The interval as it is sent: a time without a zone is in UTC, whatever `timeZone` says.
pub(super) fn written((from, until): (DateTime<Utc>, DateTime<Utc>)) -> String {
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
    format!("{}/{}", time(from), time(until))
}

pub(super) fn moment(text: &str) -> Option<DateTime<Utc>> {
    let zoned = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    zoned.ok().or_else(|| Some(text.parse::<NaiveDateTime>().ok()?.and_utc()))
}

/// An empty list of divisions must not read as "all of them".
fn conversations<'a>(headers: &HeaderMap, bytes: &'a [u8]) -> Result<ConversationQuery<'a>, Invalid> {
    let query: ConversationQuery<'_> = body::parse(headers, bytes)?;
    named_divisions(query.division_ids.as_deref())?;
    Ok(query)
}

/// As for queries.
fn check_divisions(document: &Value<'_>, declared: &DeclaredBody) -> Result<(), Invalid> {
    let Some(field) = declared.divisions.as_deref() else { return Ok(()) };
    let is_list = matches!(document.get(field), Some(Value::List(_)));
    let is_empty = is_list && document.texts_at(field).is_empty();
    named_divisions(is_empty.then_some(&[]))
}

fn named_divisions(named: Option<&[Text<'_>]>) -> Result<(), Invalid> {
    match named {
        Some([]) => Err(Invalid::new(
            "ringfence.division_parameter_empty",
            "`divisionIds` is empty: leave it out, or name your own.",
        )),
        Some(_) | None => Ok(()),
    }
}

/// Addresses of users are their own, never the organisation's.
fn personal(addresses: Option<&[Contact<'_>]>) -> Result<(), Invalid> {
    let is_personal =
        |one: &Contact<'_>| Contact::is_personal(one.media_type.as_deref(), one.r#type.as_deref());
    if addresses.unwrap_or_default().iter().all(is_personal) {
        return Ok(());
    }
    let message = "Each of `addresses` needs its `mediaType`: `EMAIL`, or `PHONE` or `SMS` with `type` `HOME`, \
                   `MOBILE` or `OTHER`. Leave other addresses out: those that a user has stay; ask your operator for new ones.";
    Err(Invalid::new("ringfence.body_invalid", message))
}

/// A new queue has nothing yet that could be sent back.
fn new_queue<'a>(headers: &HeaderMap, bytes: &'a [u8]) -> Result<Box<QueueRequest<'a>>, Invalid> {
    let queue: Box<QueueRequest<'_>> = body::parse(headers, bytes)?;
    match queue.unsent() {
        Some(name) => {
            let message = format!("The field `{name}` of a new queue cannot be set here; leave it out.");
            Err(Invalid::new("ringfence.body_unknown_field", message))
        }
        None => Ok(queue),
    }
}

/// The forms that tutorials teach, put into Genesys's own before policies see them; what was translated.
///
/// The divisions named stay where they are: the permit is made from them, and they are never sent.
fn translate(query: &mut ConversationQuery<'_>) -> Result<Vec<String>, Invalid> {
    let mut notes = Vec::new();
    let mut note = |old: &str, new: &str| notes.push(format!("`{old}` is deprecated: use {new}"));
    if query.division_ids.is_some() {
        note("divisionIds", "a predicate over `divisionId` in `conversationFilters`");
    }
    match (query.date_from.take(), query.date_to.take()) {
        (Some(from), Some(to)) if query.interval.is_none() => {
            query.interval = Some(format!("{}/{}", &*from, &*to).into());
            note("date_from", "`interval`");
        }
        (None, None) => {}
        _ => {
            let message = "Send `interval` as `start/end`; the deprecated `date_from` and `date_to` go together, without it.";
            return Err(Invalid::new("ringfence.body_invalid", message));
        }
    }
    if let Some(page_size) = query.size.take() {
        if query.paging.is_some() {
            return Err(Invalid::new(
                "ringfence.body_invalid",
                "Send `paging` or the deprecated `size`, not both.",
            ));
        }
        query.paging = Some(Paging { page_size, page_number: 1 });
        note("size", "`paging`");
    }
    if query.view.take().is_some() {
        note("view", "no view: it means nothing here");
    }
    Ok(notes)
}
