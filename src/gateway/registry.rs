//! What a call made or deleted of what carries no division is registered before its answer is released, also where nobody
//! waits for that answer any more.

use serde_json::json;

use super::{
    Gateway,
    denial::{Denial, Failure},
    forward::Answer,
    guard,
    scope::{Ready, Registering, made},
};
use crate::{
    audit::Record,
    catalog::Entity,
    directory::Changing,
    model::{Actor, EntityId, Event, EventId, EventKind, Origin, Registration},
    tenancy::NotRegistered,
};

/// What a call does to the registry, and the id of what it deletes.
pub(super) type Change = (Registering, Option<EntityId>);

impl Gateway {
    /// Forwards what changes the registry and keeps what became of it, in a task of its own: a caller that leaves would
    /// else leave behind what Genesys made, and nobody owned. The record goes along, and ends as `aborted` there.
    pub(super) async fn forward_and_register(
        &self,
        change: Change,
        ready: Ready,
        (changing, places): (Option<Changing>, impl Send + 'static),
        record: &mut Record,
    ) -> Result<Answer, Denial> {
        let done = self.outlive(places, record, move |gateway, record| {
            Box::pin(async move { gateway.change_registry(change, ready, changing, record).await })
        });
        done.await?
    }

    /// Forwards what changes the registry, and keeps there what became of it.
    pub(super) async fn change_registry(
        &self,
        change: Change,
        ready: Ready,
        changing: Option<Changing>,
        record: &mut Record,
    ) -> Result<Answer, Denial> {
        let answer = self.forward(ready, changing, record).await?;
        match self.register(change, &answer, record).await {
            Ok(()) => Ok(answer),
            Err(denial) => Err(guard::settle(answer.permit().operation(), denial, record)),
        }
    }

    /// Keeps what Genesys said was done. Without that there is no answer: what was made is nobody's then, until an operator
    /// gives it.
    async fn register(
        &self,
        (registering, deleted): Change,
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
        kept.map_err(|error| match error {
            // Genesys gives no id twice: it speaks of what was there before, whosever that is or was.
            NotRegistered::Known => {
                guard::note_violation(answer.permit(), record);
                Failure::AnswerRefused("what was made has the id of something that was there".to_owned()).into()
            }
            NotRegistered::Store(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, event.id = %record.id(), "the registry was not kept");
                Failure::NotRecorded.into()
            }
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
