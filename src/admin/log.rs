//! `/admin/v1/events/export`, `/checkpoints`: the record as it is proven.

use axum::{
    Json,
    body::Body,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use http::header;
use schemars::JsonSchema;
use serde::Serialize;

use super::Signed;
use crate::{
    operator::{
        Desk,
        export::{self, Report},
    },
    web::{Problem, Query},
};

/// What may be asked for.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "the parameters as the document shows them")]
pub(super) struct Parameters {
    /// `jsonl`, which is what there is when it is absent.
    format: Option<String>,
}

/// What was signed of the record.
#[derive(Serialize, JsonSchema)]
pub(super) struct Checkpoints {
    /// What they are verified with: `name+id+key`.
    key: String,
    /// Signed notes (`c2sp.org/tlog-checkpoint`), by stream and size.
    checkpoints: Vec<String>,
}

/// Exports the record; the export is itself on record.
pub(super) async fn export(
    State(desk): State<Desk>,
    Signed(author): Signed,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut query = Query::read(query.as_deref(), &["format"])?;
    let format: Option<Format> = query.take("format")?;
    let Format::Lines = format.unwrap_or(Format::Lines);
    let lines = export::export(&desk, &author).await?;
    Ok(([(header::CONTENT_TYPE, "application/jsonl")], Body::from_stream(lines)).into_response())
}

enum Format {
    Lines,
}

#[derive(Debug, thiserror::Error)]
#[error("expected `jsonl`")]
struct UnknownFormat;

impl std::str::FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        if text == "jsonl" { Ok(Self::Lines) } else { Err(UnknownFormat) }
    }
}

/// Lists what was signed, now included.
pub(super) async fn checkpoints(
    State(desk): State<Desk>,
    Signed(author): Signed,
) -> Result<Json<Checkpoints>, Problem> {
    let checkpoints = export::checkpoints(&desk, &author).await?;
    Ok(Json(Checkpoints { key: export::verifier_key(&desk, &author).await?, checkpoints }))
}

/// What was found.
#[derive(Serialize, JsonSchema)]
pub(super) struct Verified {
    /// Whether all of it is what was written.
    clean: bool,
    #[serde(flatten)]
    report: Report,
}

/// Verifies the record where it is; that is on record as an export.
pub(super) async fn verify(
    State(desk): State<Desk>,
    Signed(author): Signed,
) -> Result<Json<Verified>, Problem> {
    let report = export::verify(&desk, &author).await?;
    Ok(Json(Verified { clean: report.is_clean(), report }))
}
