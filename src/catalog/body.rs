//! The request models of enabled operations, typed whole: an unknown field, a field twice or a wrong type does not parse.
//!
//! Field names and types are Genesys's (Platform API v2, models `ConversationQuery`, `UserSearchRequest` and their parts).

use serde::{Deserialize, Serialize};

/// The body of `POST /api/v2/analytics/conversations/details/query`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConversationQuery {
    /// Conversation-level filters; all must match. Here divisions can be named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_filters: Option<Vec<Filter>>,
    /// Segment-level filters; all must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment_filters: Option<Vec<Filter>>,
    /// Filters over evaluations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation_filters: Option<Vec<Filter>>,
    /// Filters over surveys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survey_filters: Option<Vec<Filter>>,
    /// Filters over resolutions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution_filters: Option<Vec<Filter>>,
    /// `asc`, `desc` or `unordered`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// Such as `conversationStart`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_by: Option<String>,
    /// ISO-8601: `start/end`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// Facets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregations: Option<Vec<Aggregation>>,
    /// Which page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paging: Option<Paging>,

    // Forms that tutorials teach and Genesys does not know; translated by `gateway::asked`, never sent.
    /// The divisions wanted.
    #[serde(default, skip_serializing, alias = "division_ids")]
    pub division_ids: Option<Vec<String>>,
    /// Where the interval starts.
    #[serde(default, skip_serializing, rename = "date_from", alias = "dateFrom")]
    pub date_from: Option<String>,
    /// Where it ends.
    #[serde(default, skip_serializing, rename = "date_to", alias = "dateTo")]
    pub date_to: Option<String>,
    /// The page size.
    #[serde(default, skip_serializing)]
    pub size: Option<i64>,
    /// Means nothing here.
    #[serde(default, skip_serializing)]
    pub view: Option<String>,
}

/// Boolean logic of two levels: predicates, and clauses of predicates.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filter {
    /// How clauses and predicates are joined.
    pub r#type: Logic,
    /// The second level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clauses: Option<Vec<Clause>>,
    /// The first level's own predicates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicates: Option<Vec<Predicate>>,
}

/// Predicates joined by one word.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Clause {
    /// How they are joined.
    pub r#type: Logic,
    /// The predicates.
    pub predicates: Vec<Predicate>,
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
pub struct Predicate {
    /// What it is about; a dimension where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<PredicateKind>,
    /// Such as `divisionId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimension: Option<String>,
    /// The type of a segment's property.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property_type: Option<String>,
    /// A segment's property.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// Such as `tTalk`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// `matches` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<Operator>,
    /// What must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
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
pub struct Aggregation {
    /// `termFrequency` or `numericRange`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    /// What is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimension: Option<String>,
    /// What is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
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
pub struct UserSearchRequest {
    /// `ASC`, `DESC` or `SCORE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort_order: Option<String>,
    /// A field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort_by: Option<String>,
    /// Items a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_size: Option<i64>,
    /// Starting at 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_number: Option<i64>,
    /// Several orders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<Vec<SearchSort>>,
    /// Parts to be added to each user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expand: Option<Vec<String>>,
    /// What must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<Vec<UserSearchCriteria>>,
    /// Whose presence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_presence_source: Option<String>,
    /// Adds what the caller's permissions allow to the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforce_permissions: Option<bool>,
}

/// One order of a search.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SearchSort {
    /// `ASC`, `DESC` or `SCORE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort_order: Option<String>,
    /// A field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort_by: Option<String>,
}

/// One condition of a user search, or a group of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserSearchCriteria {
    /// The end of a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_value: Option<String>,
    /// Any of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<String>>,
    /// The start of a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_value: Option<String>,
    /// This.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// How it is joined to the conditions before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<SearchOperator>,
    /// Conditions taken together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Vec<UserSearchCriteria>>,
    /// The form of dates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_format: Option<String>,
    /// The fields looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<String>>,
    /// Such as `EXACT`.
    pub r#type: String,
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
