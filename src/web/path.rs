//! An id in the path.

use std::{fmt::Display, str::FromStr};

use axum::{
    RequestPartsExt,
    extract::{FromRequestParts, Path},
};
use http::{StatusCode, request::Parts};

use super::Problem;

/// The one id in the path. Text that cannot be an id names nothing: 404.
#[derive(Debug)]
pub struct PathId<T>(pub T);

impl<T, S> FromRequestParts<S> for PathId<T>
where
    T: FromStr + Send,
    T::Err: Display,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let missing = |detail: String| Problem::new(StatusCode::NOT_FOUND, "not_found", detail);
        let Path(text) = parts
            .extract::<Path<String>>()
            .await
            .map_err(|_| missing("the id in the path cannot be read".to_owned()))?;
        text.parse().map(Self).map_err(|error: T::Err| missing(error.to_string()))
    }
}
