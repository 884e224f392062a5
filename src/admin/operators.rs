//! `/admin/v1/operators`.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use http::StatusCode;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Serialize;

use super::Signed;
use crate::{
    model::{Operator, OperatorId, TokenId},
    operator::{
        Desk,
        operators::{self, NewOperator, NewToken},
    },
    web::{self, PathId, Problem},
};

/// All operators.
#[derive(Serialize, JsonSchema)]
pub(super) struct Operators {
    operators: Vec<Operator>,
}

/// An API token, with its secret: written into this one answer and nowhere else.
#[derive(Serialize, JsonSchema)]
pub(super) struct ShownToken {
    token: String,
    token_id: TokenId,
    operator_id: OperatorId,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

/// Adds an operator.
pub(super) async fn add(
    State(desk): State<Desk>,
    Signed(author): Signed,
    web::Json(new): web::Json<NewOperator>,
) -> Result<(StatusCode, Json<Operator>), Problem> {
    let operator = operators::add(&desk, &author, new).await?;
    Ok((StatusCode::CREATED, Json(operator)))
}

/// Lists the operators.
pub(super) async fn list(
    State(desk): State<Desk>,
    Signed(author): Signed,
) -> Result<Json<Operators>, Problem> {
    Ok(Json(Operators { operators: operators::list(&desk, &author).await? }))
}

/// Issues an API token, shown in this one answer.
pub(super) async fn issue_token(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(id): PathId<OperatorId>,
    web::Json(new): web::Json<NewToken>,
) -> Result<(StatusCode, Json<ShownToken>), Problem> {
    let issued = operators::issue_token(&desk, &author, &id, &new).await?;
    let shown = ShownToken {
        token: issued.token.expose_secret().to_owned(),
        token_id: issued.id,
        operator_id: issued.operator_id,
        created_at: issued.created_at,
        expires_at: issued.expires_at,
    };
    Ok((StatusCode::CREATED, Json(shown)))
}
