//! The request models of enabled operations, typed whole: an unknown field, a field twice or a wrong type does not parse.
//!
//! Field names and types are Genesys's (Platform API v2, models `ConversationQuery`, `UserSearchRequest` and their parts).

use serde::{Deserialize, Serialize};

use crate::model::Text;

/// The body of `POST /api/v2/analytics/conversations/details/query`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConversationQuery<'a> {
    /// Conversation-level filters; all must match. Here divisions can be named.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub conversation_filters: Option<Vec<Filter<'a>>>,
    /// Segment-level filters; all must match.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub segment_filters: Option<Vec<Filter<'a>>>,
    /// Filters over evaluations.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub evaluation_filters: Option<Vec<Filter<'a>>>,
    /// Filters over surveys.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub survey_filters: Option<Vec<Filter<'a>>>,
    /// Filters over resolutions.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub resolution_filters: Option<Vec<Filter<'a>>>,
    /// `asc`, `desc` or `unordered`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Text<'a>>,
    /// Such as `conversationStart`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub order_by: Option<Text<'a>>,
    /// ISO-8601: `start/end`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Text<'a>>,
    /// Facets.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub aggregations: Option<Vec<Aggregation<'a>>>,
    /// Which page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paging: Option<Paging>,
    /// Of a job alone (model `AsyncConversationQuery`): how many conversations at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// Of a job alone: whether those that began before the interval's first day are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_of_day_interval_matching: Option<bool>,

    // Forms that tutorials teach and Genesys does not know; translated by `gateway::asked`, never sent.
    /// The divisions wanted.
    #[serde(borrow, default, skip_serializing, alias = "division_ids")]
    pub division_ids: Option<Vec<Text<'a>>>,
    /// Where the interval starts.
    #[serde(borrow, default, skip_serializing, rename = "date_from", alias = "dateFrom")]
    pub date_from: Option<Text<'a>>,
    /// Where it ends.
    #[serde(borrow, default, skip_serializing, rename = "date_to", alias = "dateTo")]
    pub date_to: Option<Text<'a>>,
    /// The page size.
    #[serde(default, skip_serializing)]
    pub size: Option<i64>,
    /// Means nothing here.
    #[serde(borrow, default, skip_serializing)]
    pub view: Option<Text<'a>>,
}

/// Boolean logic of two levels: predicates, and clauses of predicates.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filter<'a> {
    /// How clauses and predicates are joined.
    pub r#type: Logic,
    /// The second level.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub clauses: Option<Vec<Clause<'a>>>,
    /// The first level's own predicates.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub predicates: Option<Vec<Predicate<'a>>>,
}

/// Predicates joined by one word.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Clause<'a> {
    /// How they are joined.
    pub r#type: Logic,
    /// The predicates.
    #[serde(borrow)]
    pub predicates: Vec<Predicate<'a>>,
}

/// How conditions are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Logic {
    /// All must hold.
    And,
    /// One must hold.
    Or,
}

/// One condition.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Predicate<'a> {
    /// What it is about; a dimension where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<PredicateKind>,
    /// Such as `divisionId`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub dimension: Option<Text<'a>>,
    /// The type of a segment's property.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub property_type: Option<Text<'a>>,
    /// A segment's property.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub property: Option<Text<'a>>,
    /// Such as `tTalk`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<Text<'a>>,
    /// `matches` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<Operator>,
    /// What must match.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Text<'a>>,
    /// The range that must hold the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
}

/// What a predicate is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PredicateKind {
    /// A dimension.
    Dimension,
    /// A property of a segment.
    Property,
    /// A metric.
    Metric,
}

/// How a predicate compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Operator {
    /// The value matches, or lies in the range.
    Matches,
    /// There is a value.
    Exists,
    /// There is none.
    NotExists,
}

/// A range of numbers.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Greater than.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gt: Option<serde_json::Number>,
    /// Greater than or equal to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gte: Option<serde_json::Number>,
    /// Less than.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lt: Option<serde_json::Number>,
    /// Less than or equal to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lte: Option<serde_json::Number>,
}

/// A facet.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Aggregation<'a> {
    /// `termFrequency` or `numericRange`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<Text<'a>>,
    /// What is counted.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub dimension: Option<Text<'a>>,
    /// What is measured.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<Text<'a>>,
    /// How many buckets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<i64>,
    /// The buckets of a numeric range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranges: Option<Vec<Range>>,
}

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Paging {
    /// Items a page.
    pub page_size: i64,
    /// Starting at 1.
    pub page_number: i64,
}

/// The body of `POST /api/v2/users/search`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserSearchRequest<'a> {
    /// `ASC`, `DESC` or `SCORE`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub sort_order: Option<Text<'a>>,
    /// A field.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub sort_by: Option<Text<'a>>,
    /// Items a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_size: Option<i64>,
    /// Starting at 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_number: Option<i64>,
    /// Several orders.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<Vec<SearchSort<'a>>>,
    /// Parts to be added to each user.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub expand: Option<Vec<Text<'a>>>,
    /// What must match.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub query: Option<Vec<UserSearchCriteria<'a>>>,
    /// Whose presence.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub integration_presence_source: Option<Text<'a>>,
    /// Adds what the caller's permissions allow to the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforce_permissions: Option<bool>,
}

/// One order of a search.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SearchSort<'a> {
    /// `ASC`, `DESC` or `SCORE`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub sort_order: Option<Text<'a>>,
    /// A field.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub sort_by: Option<Text<'a>>,
}

/// One condition of a user search, or a group of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserSearchCriteria<'a> {
    /// The end of a range.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub end_value: Option<Text<'a>>,
    /// Any of these.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Text<'a>>>,
    /// The start of a range.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub start_value: Option<Text<'a>>,
    /// This.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Text<'a>>,
    /// How it is joined to the conditions before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<SearchOperator>,
    /// Conditions taken together.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Vec<UserSearchCriteria<'a>>>,
    /// The form of dates.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub date_format: Option<Text<'a>>,
    /// The fields looked at.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<Text<'a>>>,
    /// Such as `EXACT`.
    #[serde(borrow)]
    pub r#type: Text<'a>,
}

/// How search conditions are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SearchOperator {
    /// It must hold too.
    And,
    /// It or the others.
    Or,
    /// It must not hold.
    Not,
}
