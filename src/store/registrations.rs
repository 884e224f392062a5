//! What carries no division, and whose it is.

use chrono::{DateTime, Utc};

use crate::model::{Ended, EntityId, Event, Origin, Registration, TenantId};

use super::{
    Store, StoreError,
    error::{Failure, refusal},
    grants::Row,
    pool::{in_change, on_pool},
};

macro_rules! select {
    () => {
        "SELECT tenant_id, entity, entity_id, came, author, reason, registered_at, ended, version FROM registration "
    };
}

pub(super) const CHANGED: &str = concat!(select!(), "WHERE version > $1 ORDER BY version");

pub(super) const FIND: &str = concat!(select!(), "WHERE tenant_id = $1 AND entity = $2 AND entity_id = $3");

#[derive(sqlx::FromRow)]
pub(super) struct RegistrationRow {
    tenant_id: TenantId,
    entity: String,
    entity_id: EntityId,
    came: Origin,
    author: String,
    reason: String,
    registered_at: DateTime<Utc>,
    ended: Option<Ended>,
    version: i64,
}

impl From<RegistrationRow> for Registration {
    fn from(row: RegistrationRow) -> Self {
        let RegistrationRow {
            tenant_id,
            entity,
            entity_id,
            came,
            author,
            reason,
            registered_at,
            ended,
            version,
        } = row;
        Self { tenant_id, entity, id: entity_id, came, author, reason, registered_at, ended, version }
    }
}

pub(super) fn read_all(rows: Vec<RegistrationRow>) -> Vec<Registration> {
    rows.into_iter().map(Into::into).collect()
}

impl Store {
    /// Makes something a tenant's; a conflict where it is another's. What was given may be given again once it has ended;
    /// what was made is new, and a conflict where it ever was anybody's.
    pub async fn register(&self, one: &Registration, event: &Event) -> Result<i64, StoreError> {
        const ADD: &str = "INSERT INTO registration (tenant_id, entity, entity_id, came, author, reason, \
            registered_at, ended, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
            ON CONFLICT (tenant_id, entity, entity_id) DO UPDATE SET came = excluded.came, \
            author = excluded.author, reason = excluded.reason, registered_at = excluded.registered_at, \
            ended = excluded.ended, version = excluded.version";
        const KNOWN: &str = "SELECT COUNT(*) FROM registration WHERE entity = $1 AND entity_id = $2";
        let taken = || format!("{} {} as a tenant's", one.entity, one.id);
        let absent = || format!("tenant {}", one.tenant_id);
        in_change!(
            self,
            event,
            "registering something",
            [Row::Registration(&one.tenant_id, &one.entity, &one.id)],
            |transaction, version| {
                if one.came == Origin::Made {
                    let known: i64 = sqlx::query_scalar(KNOWN)
                        .bind(&one.entity)
                        .bind(&one.id)
                        .fetch_one(&mut *transaction)
                        .await?;
                    if known > 0 {
                        return Err(Failure::conflict(taken()));
                    }
                }
                sqlx::query(ADD)
                    .bind(&one.tenant_id)
                    .bind(&one.entity)
                    .bind(&one.id)
                    .bind(one.came)
                    .bind(&one.author)
                    .bind(&one.reason)
                    .bind(one.registered_at)
                    .bind(one.ended)
                    .bind(version)
                    .execute(&mut *transaction)
                    .await
                    .map_err(refusal(taken, absent))?
            }
        )
    }

    /// Ends what is a tenant's.
    pub async fn end_registration(
        &self,
        (tenant, entity, id): (&TenantId, &str, &EntityId),
        ended: Ended,
        event: &Event,
    ) -> Result<i64, StoreError> {
        const END: &str = "UPDATE registration SET ended = $4, version = $5 \
            WHERE tenant_id = $1 AND entity = $2 AND entity_id = $3 AND ended IS NULL";
        in_change!(
            self,
            event,
            "ending a registration",
            [Row::Registration(tenant, entity, id)],
            |transaction, version| {
                let done = sqlx::query(END)
                    .bind(tenant)
                    .bind(entity)
                    .bind(id)
                    .bind(ended)
                    .bind(version)
                    .execute(&mut *transaction)
                    .await?;
                if done.rows_affected() == 0 {
                    return Err(Failure::missing(format!("{entity} {id} as tenant {tenant}'s")));
                }
            }
        )
    }

    /// Lists what is a tenant's, in order.
    pub async fn list_registrations(&self, tenant: &TenantId) -> Result<Vec<Registration>, StoreError> {
        const LIST: &str =
            concat!(select!(), "WHERE tenant_id = $1 AND ended IS NULL ORDER BY entity, entity_id");
        let rows: Vec<RegistrationRow> = on_pool!(self, "listing registrations", |pool| {
            sqlx::query_as(LIST).bind(tenant).fetch_all(pool)
        })?;
        Ok(read_all(rows))
    }

    /// Whose something is.
    pub async fn registration(
        &self,
        entity: &str,
        id: &EntityId,
    ) -> Result<Option<Registration>, StoreError> {
        const FIND: &str = concat!(select!(), "WHERE entity = $1 AND entity_id = $2 AND ended IS NULL");
        let row: Option<RegistrationRow> = on_pool!(self, "reading a registration", |pool| {
            sqlx::query_as(FIND).bind(entity).bind(id).fetch_optional(pool)
        })?;
        Ok(row.map(Into::into))
    }
}
