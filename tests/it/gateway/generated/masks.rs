//! Each enabled operation under all masks, compared with what the same organisation shows without: what is masked is
//! nowhere in the answer, and all else is as it was.

use std::collections::{BTreeMap, BTreeSet};

use ringfence::{
    catalog::{Catalog, FieldType, Guarding, Narrowing, Operation},
    model::Masks,
    simulator::ALPHA,
};
use serde_json::{Value, json};

use super::{
    handles::opened,
    requests::{Asked, Maker},
};
use crate::{
    gateway::organisation::{everything, register_all},
    support::app::{Answer, TenantClient, TestApp},
};

const ALL: &str =
    "@mask(\"numbers, names, addresses, notes, attributes\") permit (principal, action, resource);";
/// How the places end where a cursor stands, or a link with one.
const CURSORS: [&str; 2] = [".after", ".nextUri"];
/// Those that no tenant may use as they are asked here while everything is masked: they look up, or replace, what is hidden.
const REFUSED: [&str; 8] = [
    "deleteFlowsDatatableRow",
    "getExternalcontactsReversewhitepageslookup",
    "putConversationSecureattributes",
    "putConversationTags",
    "putConversationsCallParticipantCommunicationUuidata",
    "putExternalcontactsOrganization",
    "putExternalcontactsRelationship",
    "putUserCustomattributes",
];
/// Found elsewhere by chance.
const TOO_SHORT: usize = 6;

/// What stands in an answer, by its place: what is masked of it, and what is not.
#[derive(Debug, Default)]
struct Leaves {
    masked: BTreeMap<String, Value>,
    plain: BTreeMap<String, Value>,
}

impl Leaves {
    /// Reads an answer against its type, field by field: slow, and sure.
    fn read(&mut self, catalog: &Catalog, kind: Option<&FieldType>, value: &Value, at: &str, of: Masks) {
        match (value, kind) {
            (Value::Array(items), _) => {
                let item = if let Some(FieldType::List(item)) = kind { Some(&**item) } else { None };
                for (number, one) in items.iter().enumerate() {
                    self.read(catalog, item, one, &format!("{at}[{number}]"), of);
                }
            }
            (Value::Object(fields), Some(FieldType::Model(id))) => {
                let model = catalog.api().model(*id).unwrap();
                for (name, one) in fields {
                    let at = format!("{at}.{name}");
                    match model.field(name) {
                        Some(field) if name == "group" => {
                            self.read(catalog, Some(&field.r#type), one, &at, Masks::NONE);
                        }
                        Some(field) => {
                            let of = of | catalog.masking().field(model, field);
                            self.read(catalog, Some(&field.r#type), one, &at, of);
                        }
                        None if at.matches(['.', '[']).count() == 1 => {
                            self.read(catalog, None, one, &at, Masks::NONE);
                        }
                        None => self.read(catalog, None, one, &at, Masks::ALL),
                    }
                }
            }
            (Value::Object(fields), _) => {
                let inner = if let Some(FieldType::Map(inner)) = kind { Some(&**inner) } else { None };
                for (name, one) in fields {
                    let is_dimension = at.rsplit('.').next() == Some("group");
                    let own = if is_dimension { catalog.masking().dimension(name) } else { Masks::NONE };
                    self.read(catalog, inner, one, &format!("{at}.{name}"), of | own);
                }
            }
            (value, _) if of.is_empty() => {
                self.plain.insert(at.to_owned(), value.clone());
            }
            (value, _) => {
                self.masked.insert(at.to_owned(), value.clone());
            }
        }
    }
}

/// What was found of all of them.
#[derive(Default)]
struct Found {
    failures: Vec<String>,
    compared: BTreeSet<String>,
    refused: BTreeSet<String>,
    untested: BTreeMap<String, String>,
    hidden: usize,
}

struct Pair<'p> {
    catalog: &'p Catalog,
    open: &'p TestApp,
    masked: &'p TestApp,
    shown: TenantClient,
    hidden: TenantClient,
}

impl Pair<'_> {
    async fn send(client: &TenantClient, asked: &Asked) -> Answer {
        let request = client.request(asked.method.clone(), &asked.path);
        client
            .send(match &asked.body {
                Some(body) => request.json(body),
                None => request,
            })
            .await
    }

    async fn newest(app: &TestApp, asked: &mut Asked) {
        let Some(version) = asked.body.as_mut().and_then(|body| body.get_mut("version")) else { return };
        if asked.method != "POST" {
            let shown = everything(app, &asked.path, None).await;
            if shown["version"].is_number() {
                version.clone_from(&shown["version"]);
            }
        }
    }

    /// The handle of something begun.
    async fn begin(&self, app: &TestApp, client: &TenantClient, kind: &str) -> Option<String> {
        let begins = |one: &&Operation| matches!(&one.guard, Guarding::Handle { kind: of, .. } if of == kind);
        let operation = self.catalog.operations().iter().map(AsRef::as_ref).find(begins)?;
        let organisation = app.simulator.organisation();
        let maker = Maker { catalog: self.catalog, organisation, operation, handle: None };
        let asked = maker.ask(ALPHA, 0, &[])?;
        let Guarding::Handle { field, .. } = &operation.guard else { return None };
        let handle = Self::send(client, &asked).await.body[field].as_str()?.to_owned();
        for _ in 0..10 {
            if client.get(&format!("{}/{handle}", asked.path)).await.status == 200 {
                return Some(handle);
            }
        }
        None
    }

    async fn ask(
        &self,
        app: &TestApp,
        client: &TenantClient,
        operation: &Operation,
    ) -> Option<(Asked, Answer)> {
        let handle = match opened(operation) {
            Some((kind, _)) => Some(self.begin(app, client, kind).await?),
            None => None,
        };
        let organisation = app.simulator.organisation();
        let maker = Maker { catalog: self.catalog, organisation, operation, handle };
        let mut asked = maker.ask(ALPHA, if operation.is_write() { 2 } else { 0 }, &[])?;
        Self::newest(app, &mut asked).await;
        let answer = Self::send(client, &asked).await;
        Some((asked, answer))
    }

    async fn compare(&self, operation: &Operation, found: &mut Found) {
        let id = operation.id.to_string();
        let shown = self.ask(self.open, &self.shown, operation).await;
        let hidden = self.ask(self.masked, &self.hidden, operation).await;
        let (Some((_, shown)), Some((asked, hidden))) = (shown, hidden) else {
            found.untested.insert(id, "a request cannot be made".to_owned());
            return;
        };
        if hidden.status == 403 && hidden.body["code"] == "ringfence.field_masked" {
            found.refused.insert(id);
            return;
        }
        if shown.status.as_u16() >= 300 {
            found.untested.insert(id, format!("{} {}", shown.status, shown.text));
            return;
        }
        if hidden.status != shown.status {
            found
                .failures
                .push(format!("{id}: {} {} instead of {}", hidden.status, hidden.text, shown.status));
            return;
        }
        let response = self.catalog.api().operation(&operation.id).and_then(|known| known.response);
        let kind = response.and_then(|written| self.catalog.api().field_type(written));
        let (mut was, mut is) = (Leaves::default(), Leaves::default());
        was.read(self.catalog, kind.as_ref(), &shown.body, "", Masks::NONE);
        is.read(self.catalog, kind.as_ref(), &hidden.body, "", Masks::NONE);
        if !is.masked.is_empty() {
            found.failures.push(format!("{id}: shows {:?}", is.masked));
        }
        let plain: BTreeSet<String> = was.plain.values().map(Value::to_string).collect();
        for (at, value) in &was.masked {
            let told = value.as_str().filter(|text| text.len() >= TOO_SHORT);
            let is_elsewhere = plain.iter().any(|one| told.is_some_and(|told| one.contains(told)))
                || told.is_some_and(|told| asked.path.contains(told));
            if told.is_some_and(|told| hidden.text.contains(told)) && !is_elsewhere {
                found.failures.push(format!("{id}: {at} {value} is told"));
            }
        }
        if !matches!(operation.guard, Guarding::Handle { .. }) && opened(operation).is_none() {
            // What is made here and there has ids and numbers of its own; cursors are sealed anew.
            let is_made = asked.method == "POST" && operation.is_write();
            let is_alike = |at: &str, one: Option<&Value>, other: &Value| {
                one.is_some()
                    && (one == Some(other) || is_made || CURSORS.iter().any(|name| at.ends_with(name)))
            };
            let differs = was.plain.iter().find(|(at, value)| !is_alike(at, is.plain.get(*at), value));
            let added = is.plain.keys().find(|at| !was.plain.contains_key(*at));
            if let Some((at, value)) = differs {
                found.failures.push(format!("{id}: {at} was {value}, is {:?}", is.plain.get(at)));
            }
            if let Some(at) = added {
                found.failures.push(format!("{id}: {at} is new"));
            }
        }
        found.hidden += was.masked.len();
        found.compared.insert(id);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_masked_is_in_no_answer_and_all_else_is_as_it_was() {
    let catalog = Catalog::embedded().unwrap();
    let (open, masked) = (TestApp::start().await, TestApp::start().await);
    let dedicated = json!({"dedicated_agents": true});
    let shown = open.tenant_with("alpha", &[ALPHA], dedicated.clone()).await;
    let hidden = masked.tenant_with("alpha", &[ALPHA], dedicated).await;
    register_all(&open, &shown, ALPHA).await;
    register_all(&masked, &hidden, ALPHA).await;
    let policy = json!({ "source": ALL, "reason": "a test" });
    masked.admin().put("/tenants/alpha/policies", &policy).await.expect(200);

    let mut found = Found::default();
    let pair = Pair { catalog: &catalog, open: &open, masked: &masked, shown, hidden };
    let is_asked = |one: &&Operation| !matches!(one.narrowing, Narrowing::Own { .. });
    let mut operations: Vec<_> = catalog.operations().iter().map(AsRef::as_ref).filter(is_asked).collect();
    operations.sort_by_key(|one| {
        (one.is_write(), one.method == "DELETE", usize::MAX - one.path.matches('/').count())
    });
    for operation in operations {
        pair.compare(operation, &mut found).await;
    }
    assert!(found.failures.is_empty(), "{:#?}", found.failures);
    assert_eq!(found.untested, BTreeMap::new());
    let refused: Vec<_> = found.refused.iter().map(String::as_str).collect();
    assert_eq!(refused, REFUSED, "refused under all masks");
    assert!(found.compared.len() > 500 && found.hidden > 1_000, "{} {}", found.compared.len(), found.hidden);

    // What cannot fail proves nothing: where nobody masks, what was masked is found.
    let (shown, hidden) = (pair.shown.clone(), pair.shown.clone());
    let unmasked = Pair { catalog: &catalog, open: &open, masked: &open, shown, hidden };
    for id in [
        "getExternalcontactsContacts",
        "postAnalyticsConversationsDetailsQuery",
        "getConversation",
        "getUsers",
    ] {
        let mut found = Found::default();
        let operation = catalog.operations().iter().find(|one| *one.id == *id).unwrap();
        unmasked.compare(operation, &mut found).await;
        assert!(found.failures.len() > 1, "{id}: {:?}", found.failures);
    }
    open.finish().await;
    masked.finish().await;
}
