//! What a call made or deleted of what carries no division is registered before its answer is released.

use serde_json::json;

use super::{
    Gateway,
    denial::{Denial, Failure},
    forward::Answer,
    scope::{Registering, made},
};
use crate::{
    audit::Record,
    catalog::Entity,
    model::{Actor, EntityId, Event, EventId, EventKind, Origin, Registration},
};

impl Gateway {
    /// Keeps what Genesys said was done. Without that there is no answer: what was made is nobody's then, until an operator
    /// gives it.
    pub(super) async fn register(
        &self,
        (registering, deleted): (Registering, Option<EntityId>),
        answer: &Answer,
        record: &mut Record,
    ) -> Result<(), Denial> {
        let tenancy = &self.0.parts.tenancy;
        let tenant = answer.permit().caller().tenant().tenant().id.clone();
        let kept = match registering {
            Registering::Made(entity) => {
                let Some(id) = made(answer)? else { return Ok(()) };
                record.ended.upstream_id = Some(id.to_string());
                let one = Registration {
                    tenant_id: tenant,
                    entity: self.name(entity)?,
                    id,
                    came: Origin::Made,
                    author: answer.permit().caller().key().id.to_string(),
                    reason: String::new(),
                    registered_at: self.0.parts.clock.now(),
                    ended: None,
                    version: 0,
                };
                let event = self.event("registry.make", answer, record, &one.entity, &one.id);
                tenancy.register(&one, &event).await
            }
            Registering::Deleted(entity) => {
                let is_done = answer.told().is_some_and(|(status, _)| status.is_success());
                let Some(id) = deleted.filter(|_| is_done) else { return Ok(()) };
                let entity = self.name(entity)?;
                let event = self.event("registry.delete", answer, record, &entity, &id);
                tenancy.deregister(&tenant, (&entity, &id), &event).await
            }
        };
        kept.map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, event.id = %record.id(), "the registry was not kept");
            Failure::NotRecorded.into()
        })
    }

    fn name(&self, entity: Entity) -> Result<String, Denial> {
        let kind = self.0.parts.catalog.entities().get(&entity).ok_or(Failure::Internal)?;
        Ok(kind.name.clone())
    }

    /// The event of the change, beside that of the call.
    fn event(
        &self,
        operation: &'static str,
        answer: &Answer,
        record: &Record,
        entity: &str,
        id: &EntityId,
    ) -> Event {
        let key = answer.permit().caller().key();
        let now = self.0.parts.clock.now();
        let detail = json!({ "entity": entity, "id": id, "call": record.id() });
        Event {
            id: EventId::at(now),
            at: now,
            stream: self.0.parts.audit.stream().clone(),
            kind: EventKind::Change,
            actor: Actor {
                tenant_id: Some(key.tenant_id.clone()),
                key_id: Some(key.id.clone()),
                operator_id: None,
            },
            operation: Some(operation.into()),
            source: record.source,
            detail: detail.to_string().into(),
        }
    }
}
