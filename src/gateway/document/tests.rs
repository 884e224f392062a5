use super::{
    merge::{keep_hidden, keep_unnamed},
    read::{Place, read},
    *,
};
use crate::{
    catalog::{Api, DeclaredBody, Entity, Reference},
    gateway::denial::Invalid,
};

fn declared(model: &str) -> DeclaredBody {
    let api = Api::embedded().unwrap();
    let reference = |at: &str, entity| Reference { at: at.to_owned(), entity, shown: None };
    DeclaredBody {
        division: Some("division.id".to_owned()),
        divisions: None,
        references: vec![reference("sourceQueueId", Entity::Queue), reference("queueFlow.id", Entity::Flow)],
        plain: vec!["memberGroups".to_owned(), "memberGroups.id".to_owned()],
        refused: vec!["description".to_owned()],
        model: api.field_type(model),
    }
}

fn read_queue(json: &str) -> Result<Value<'_>, Invalid> {
    read(&Api::embedded().unwrap(), &declared("CreateQueueRequest"), json.as_bytes())
}

fn sent(json: &str) -> serde_json::Value {
    serde_json::to_value(read_queue(json).unwrap()).unwrap()
}

#[test]
fn what_the_model_tells_is_written_as_it_was_read() {
    let json = r#"{"name":"a \"b\" \u00e9","acwSettings":{"timeoutMs":5,"wrapupPrompt":"OPTIONAL"},
        "autoAnswerOnly":true,"routingRules":[{"threshold":1,"waitSeconds":1.5}],"callingPartyName":null,
        "defaultScripts":{}}"#;
    let refused = ["defaultScripts"];
    let mut expected: serde_json::Value = serde_json::from_str(json).unwrap();
    for field in refused {
        expected.as_object_mut().unwrap().remove(field);
    }
    let json = json.replace(
        r#",
        "defaultScripts":{}"#,
        "",
    );
    assert_eq!(sent(&json), expected);
}

#[test]
fn of_what_is_named_the_id_alone_is_sent_and_what_is_only_shown_is_not() {
    let json = r#"{"name":"a","id":"1","selfUri":"/api/v2/x","memberCount":3,
        "division":{"id":"d","name":"secret","selfUri":"/x"},"queueFlow":{"id":"f","name":"secret"},"sourceQueueId":"q"}"#;
    let expected = serde_json::json!({
        "name": "a", "division": {"id": "d"}, "queueFlow": {"id": "f"}, "sourceQueueId": "q",
    });
    assert_eq!(sent(json), expected);
    let document = read_queue(json).unwrap();
    assert_eq!(document.texts_at("queueFlow.id"), ["f"]);
    assert_eq!(document.texts_at("division.id"), ["d"]);
}

#[test]
fn a_fault_is_named_with_its_place() {
    for (json, code, place) in [
        (r#"{"nam":"a"}"#, "ringfence.body_unknown_field", "the body"),
        (r#"{"name":1}"#, "ringfence.body_invalid", "`name`"),
        (r#"{"acwSettings":{"timeoutMs":"x"}}"#, "ringfence.body_invalid", "`acwSettings.timeoutMs`"),
        (
            r#"{"acwSettings":{"wrapupPrompt":"NEVER"}}"#,
            "ringfence.body_invalid",
            "`acwSettings.wrapupPrompt`",
        ),
        (
            r#"{"routingRules":[{"threshold":1},{"x":1}]}"#,
            "ringfence.body_unknown_field",
            "`routingRules[1]`",
        ),
        (r#"{"autoAnswerOnly":"true"}"#, "ringfence.body_invalid", "`autoAnswerOnly`"),
        (r#"{"routingRules":{}}"#, "ringfence.body_invalid", "`routingRules`"),
        (r#"{"description":"a"}"#, "ringfence.body_unknown_field", "the body"),
        (r#"{"whisperPrompt":{"id":"a"}}"#, "ringfence.body_unknown_field", "the body"),
        (r#"{"name":"a","name":"b"}"#, "ringfence.body_duplicate_key", "line 1"),
        (r#"{"name":"a","n\u0061me":"b"}"#, "ringfence.body_duplicate_key", "line 1"),
        (r#"{"name":"a"} {}"#, "ringfence.body_not_json", "line 1"),
        ("[]", "ringfence.body_invalid", "the body"),
    ] {
        let fault = read_queue(json).unwrap_err();
        assert_eq!(fault.code, code, "{json}: {}", fault.message);
        assert!(fault.message.contains(place), "{json}: {}", fault.message);
    }
}

#[test]
fn what_is_replaced_keeps_what_its_sender_could_not_name() {
    let mut document = read_queue(r#"{"name":"new","acwSettings":{"timeoutMs":5}}"#).unwrap();
    let current = serde_json::json!({
        "id": "1", "name": "old", "whisperPrompt": {"id": "p"}, "dateCreated": "2026-01-01T00:00:00Z",
        "callingPartyName": "gone", "division": {"id": "d"}, "unknown": 1, "acwSettings": {"timeoutMs": 6},
    });
    let api = Api::embedded().unwrap();
    keep_unnamed(&mut document, &current, &api, &declared("CreateQueueRequest"));
    let expected = serde_json::json!({
        "name": "new", "acwSettings": {"timeoutMs": 5}, "whisperPrompt": {"id": "p"},
    });
    assert_eq!(serde_json::to_value(&document).unwrap(), expected);
}

#[test]
fn what_stands_in_a_list_is_not_taken_for_what_stands_at_the_root() {
    let api = Api::embedded().unwrap();
    let at = |place: &str| Reference { at: place.to_owned(), entity: Entity::Queue, shown: None };
    // A field of an item is called as one of the body is.
    let body = DeclaredBody {
        references: vec![at("name")],
        model: api.field_type("CreateQueueRequest"),
        ..DeclaredBody::default()
    };
    let read = |json: &str| read(&api, &body, json.as_bytes()).map(|_| ()).map_err(|fault| fault.code);
    assert_eq!(read(r#"{"name":"q"}"#), Ok(()));
    let inside = r#"{"name":"q","memberGroups":[{"name":"g"}]}"#;
    assert_eq!(read(inside), Err("ringfence.body_unknown_field"));
    let place =
        Place { up: Some(&Place { up: Some(&Place::default()), name: "a", depth: 1 }), name: "", depth: 2 };
    assert_eq!(Place { up: Some(&place), name: "b", depth: 3 }.dotted(), "a.b");
}

#[test]
fn a_place_is_set_whatever_stood_there() {
    let mut document = read_queue(r#"{"name":"a","division":{"id":"theirs"}}"#).unwrap();
    document.set("division.id", Value::Text("ours".into()));
    let expected = serde_json::json!({"name": "a", "division": {"id": "ours"}});
    assert_eq!(serde_json::to_value(&document).unwrap(), expected);
}

#[test]
fn what_is_replaced_keeps_what_is_hidden_inside_what_its_sender_left_out_or_changed() {
    let body = DeclaredBody {
        refused: ["acwSettings.timeoutMs", "routingRules.threshold"].map(str::to_owned).into(),
        ..declared("CreateQueueRequest")
    };
    let current = serde_json::json!({
        "acwSettings": {"timeoutMs": 6, "wrapupPrompt": "OPTIONAL"}, "callingPartyName": "gone",
        "routingRules": [{"threshold": 1, "waitSeconds": 2}],
    });
    let api = Api::embedded().unwrap();
    let kept = |json: &str| {
        let mut document = read_queue(json).unwrap();
        keep_unnamed(&mut document, &current, &api, &body);
        serde_json::to_value(&document).unwrap()
    };
    let left_out = serde_json::json!({"name": "a", "acwSettings": {"timeoutMs": 6}});
    assert_eq!(kept(r#"{"name":"a"}"#), left_out);
    let changed =
        serde_json::json!({"name": "a", "acwSettings": {"timeoutMs": 6, "wrapupPrompt": "MANDATORY"}});
    assert_eq!(kept(r#"{"name":"a","acwSettings":{"wrapupPrompt":"MANDATORY"}}"#), changed);
}

#[test]
fn references_that_are_not_shown_stay_and_others_that_are_left_out_do_not() {
    let reference = |at: &str, shown: Option<&str>| Reference {
        at: at.to_owned(),
        entity: Entity::Flow,
        shown: shown.map(str::to_owned),
    };
    let body = DeclaredBody {
        references: vec![
            reference("flow.id", None),
            reference("other.id", None),
            reference("ids", Some("owners.id")),
        ],
        ..DeclaredBody::default()
    };
    let current = serde_json::json!({
        "flow": {"id": "hidden", "name": "x"}, "other": {"id": "own"}, "owners": [{"id": "mine"}, {"id": "theirs"}],
    });
    let shown = serde_json::json!({"other": {"id": "own"}, "owners": [{"id": "mine"}]});
    let kept = |sent: serde_json::Value| {
        let mut document = owned(&sent);
        keep_hidden(&mut document, &current, &shown, &body);
        serde_json::to_value(&document).unwrap()
    };
    let flow = serde_json::json!({"id": "hidden"});
    for (sent, expected) in [
        (serde_json::json!({}), serde_json::json!({"flow": flow, "ids": ["mine", "theirs"]})),
        (serde_json::json!({"flow": null, "ids": []}), serde_json::json!({"flow": flow, "ids": ["theirs"]})),
        (
            serde_json::json!({"flow": {"id": "new"}, "ids": ["mine"]}),
            serde_json::json!({"flow": {"id": "new"}, "ids": ["mine", "theirs"]}),
        ),
    ] {
        let kept = kept(sent);
        assert_eq!(kept, expected);
    }
}

#[test]
fn an_id_is_no_name_of_a_field_where_nobody_has_said_that_it_names_nothing() {
    let api = Api::embedded().unwrap();
    let read = |plain: &[&str], json: &str| {
        let body = DeclaredBody {
            plain: plain.iter().map(ToString::to_string).collect(),
            model: api.field_type("OrganizationPresenceDefinition"),
            ..DeclaredBody::default()
        };
        read(&api, &body, json.as_bytes()).map(|_| ()).map_err(|fault| fault.code)
    };
    let named = r#"{"languageLabels":{"6676876b-023f-4c91-8b5e-ceb14c9ba769":"a"}}"#;
    assert_eq!(read(&[], r#"{"languageLabels":{"en":"a"}}"#), Ok(()));
    assert_eq!(read(&[], named), Err("ringfence.body_unknown_field"));
    assert_eq!(read(&["languageLabels"], named), Ok(()));
    assert_eq!(read(&["language"], named), Err("ringfence.body_unknown_field"));
}
