//! What tenants can be given, and what not.

use serde_json::Value;

use super::{Author, Desk, Refusal};
pub use crate::catalog::Coverage;

/// All operations, each with how it is narrowed and guarded, or why it is denied.
pub async fn list(desk: &Desk, author: &Author) -> Result<Vec<Value>, Refusal> {
    desk.authorize(author, "operation.list").await?;
    Ok(desk.catalog.describe())
}

/// One of them.
pub async fn get(desk: &Desk, author: &Author, id: &str) -> Result<Value, Refusal> {
    desk.authorize(author, "operation.list").await?;
    let entry = desk.catalog.named(id).ok_or_else(|| Refusal::Missing { what: desk.catalog.missing(id) })?;
    Ok(desk.catalog.description(&entry))
}

/// How much of the Genesys API is classified.
pub async fn coverage(desk: &Desk, author: &Author) -> Result<Coverage, Refusal> {
    desk.authorize(author, "operation.coverage").await?;
    Ok(desk.catalog.coverage())
}
