//! What tenants can be given, and what not.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::OwnedMutexGuard;

use super::{Author, Desk, Refusal};
pub use crate::catalog::{Coverage, Drift, LONGEST_DOCUMENT_BYTES};

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

/// Leave to compare one document: documents are long, so that one is read and compared at a time.
#[derive(Debug)]
pub struct Comparing(OwnedMutexGuard<()>);

/// To be asked for before a document is read.
pub async fn comparing(desk: &Desk, author: &Author) -> Result<Comparing, Refusal> {
    desk.authorize(author, "operation.drift").await?;
    let busy = |_| Refusal::Conflict {
        code: "comparing",
        why: "another document is being compared; try again when that is done".to_owned(),
    };
    desk.comparing().try_lock_owned().map(Comparing).map_err(busy)
}

/// What a newer Swagger 2.0 document of the Genesys API says otherwise than the catalog.
pub async fn drift(
    desk: &Desk,
    comparing: Comparing,
    document: impl AsRef<[u8]> + Send + 'static,
) -> Result<Drift, Refusal> {
    let catalog = Arc::clone(&desk.catalog);
    let compared = tokio::task::spawn_blocking(move || {
        // Until it is done, though the caller left.
        let Comparing(_guard) = comparing;
        Drift::of(&catalog, document.as_ref())
    });
    match compared.await {
        Ok(drift) => drift.map_err(|error| Refusal::invalid("document", error.to_string())),
        Err(error) => Err(Refusal::invalid("document", format!("it could not be compared: {error}"))),
    }
}
