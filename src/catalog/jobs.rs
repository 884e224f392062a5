//! Jobs of queries that count: what a query would find, kept by Genesys for a while.
//!
//! A job is the service account's, so its id is handed out sealed for the tenant and the divisions that it was begun in. It
//! is narrowed as its query is and may name what its query may, which is why its four operations are not written down: they
//! follow from the query's.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;

use super::{
    CatalogError, Guarding, Narrowing,
    guarding::NOBODY,
    loader::refused,
    operation::{BodyModel, Dimensions, Operation, Parameter, ParameterKind},
};

/// The longest cursor that Genesys hands out, sealed.
const MAX_CURSOR: usize = 4_096;

/// A query that can be a job's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Job {
    /// The query's operation, such as `postAnalyticsConversationsAggregatesQuery`.
    of: String,
}

/// The operations of jobs: to begin one, to ask how far it is, to read what it found, to delete that.
pub(super) fn operations(jobs: &[Job], queries: &[Operation]) -> Result<Vec<Operation>, CatalogError> {
    let mut all = Vec::with_capacity(jobs.len() * 4);
    for Job { of } in jobs {
        let query = queries.iter().find(|one| *one.id == **of);
        let query = query.ok_or_else(|| refused(of, "it is to have jobs, and is not enabled".to_owned()))?;
        all.extend(of_query(query).map_err(|why| refused(of, why))?);
    }
    Ok(all)
}

fn of_query(query: &Operation) -> Result<[Operation; 4], String> {
    let name = query.id.strip_prefix("post").and_then(|rest| rest.strip_suffix("Query"));
    let name = name.ok_or("its id is none of a query by POST")?;
    let (Some(BodyModel::AggregationQuery), Guarding::Groups { collection, shape, plain, .. }) =
        (&query.body, &query.guard)
    else {
        return Err("jobs are of queries that count".to_owned());
    };
    let kind = format!("{name}Job");
    let opens = |cursor: Option<&str>| Narrowing::Handle {
        name: "jobId".to_owned(),
        kind: kind.clone(),
        cursor: cursor.map(str::to_owned),
    };
    // By what names somebody, what is left out would show by the length of the pages.
    let begun = Guarding::Handle { kind: kind.clone(), field: "jobId".to_owned(), plain: plain.clone() };
    let begins = Operation {
        body: Some(BodyModel::AsyncAggregationQuery),
        dimensions: query.dimensions.clone(),
        metrics: query.metrics.clone(),
        ..entry(
            query,
            format!("post{name}Jobs"),
            "narrowed as the query is; the job's id is handed out sealed",
            query.narrowing.clone(),
            begun,
        )
    };
    let tells = entry(
        query,
        format!("get{name}Job"),
        "the handle opens for the tenant and the divisions that the job was begun for",
        opens(None),
        Guarding::Fields { shape: "AsyncQueryStatus".to_owned() },
    );
    let finds = Operation {
        query: vec![Parameter { name: "cursor".to_owned(), is: ParameterKind::Text { max: MAX_CURSOR } }],
        ..entry(
            query,
            format!("get{name}JobResults"),
            "the handle opens for the tenant and the divisions that the job was begun for; its groups name nobody",
            opens(Some("cursor")),
            Guarding::Groups {
                collection: collection.clone(),
                shape: shape.clone(),
                plain: plain.clone(),
                named: NOBODY.clone(),
            },
        )
    };
    let ends = entry(
        query,
        format!("delete{name}Job"),
        "the handle opens for the tenant and the divisions that the job was begun for; its results alone are deleted",
        opens(None),
        Guarding::Empty,
    );
    Ok([begins, tells, finds, ends])
}

/// What an entry says in any case.
fn entry(query: &Operation, id: String, why: &str, narrowing: Narrowing, guard: Guarding) -> Operation {
    Operation {
        id: Arc::from(id),
        method: String::new(),
        path: String::new(),
        groups: query.groups.clone(),
        why: why.to_owned(),
        narrowing,
        guard,
        query: Vec::new(),
        cursor: None,
        body: None,
        idempotency_key: false,
        dimensions: Dimensions::default(),
        metrics: None,
        expand: Vec::new(),
        names: Vec::new(),
        shared_names: Vec::new(),
        registered: BTreeMap::new(),
        shows_parts: false,
    }
}
