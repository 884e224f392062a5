//! The models of queries that count: `…AggregationQuery`, `…ActivityQuery` and `…ObservationQuery` (Platform API v2), typed
//! whole. Their fields are the same for whatever is counted.
//!
//! Not among its fields: `queryType`, `sortMetric` and `limit`, by which Genesys would choose among groups that are not
//! all the tenant's.

use serde::{Deserialize, Serialize};

use super::body::{Filter, Range};
use crate::model::Text;

/// The body of `POST /api/v2/analytics/{what}/aggregates/query`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AggregationQuery<'a> {
    /// ISO-8601: `start/end`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Text<'a>>,
    /// An ISO-8601 duration.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub granularity: Option<Text<'a>>,
    /// Such as `Europe/Berlin`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<Text<'a>>,
    /// Dimensions by which is counted apart.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub group_by: Option<Vec<Text<'a>>>,
    /// What is counted; here divisions can be named.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter<'a>>,
    /// What is measured.
    #[serde(borrow, default)]
    pub metrics: Vec<Text<'a>>,
    /// Whether several values of a dimension become one, joined by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flatten_multivalued_dimensions: Option<bool>,
    /// Counts of those within a range.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub views: Option<Vec<AggregationView<'a>>>,
    /// `eventTime`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub alternate_time_dimension: Option<Text<'a>>,

    /// Of a job alone (model `AsyncAggregationQuery`): groups a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_size: Option<i64>,

    /// The divisions wanted, as tutorials name them; never sent.
    #[serde(borrow, default, skip_serializing, alias = "division_ids")]
    pub division_ids: Option<Vec<Text<'a>>>,
}

/// A count of those whose metric is within a range.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AggregationView<'a> {
    /// The metric.
    #[serde(borrow)]
    pub target: Text<'a>,
    /// What the answer calls it.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// `rangeBound`.
    #[serde(borrow)]
    pub function: Text<'a>,
    /// The range, from `gte` up to `lt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
}

/// The body of `POST /api/v2/analytics/{what}/activity/query`: what is going on now.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActivityQuery<'a> {
    /// What is counted.
    #[serde(borrow)]
    pub metrics: Vec<ActivityMetric<'a>>,
    /// Dimensions by which is counted apart.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub group_by: Option<Vec<Text<'a>>>,
    /// Of what is counted.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter<'a>>,
}

/// A metric of what is going on. Not among its fields: `details`, which would list whom and what was counted.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ActivityMetric<'a> {
    /// Its name.
    #[serde(borrow)]
    pub metric: Text<'a>,
}

/// The body of `POST /api/v2/analytics/{what}/observations/query`. Not among its fields: `detailMetrics`, which would list
/// whom and what was counted.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ObservationQuery<'a> {
    /// Of what is counted.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter<'a>>,
    /// What is counted.
    #[serde(borrow)]
    pub metrics: Vec<Text<'a>>,
}
