//! What changes something, and what asks by POST.

use serde_json::{Map, Value};

use super::{Answer, Failure, Filler, Outcome, Place, Thing, Written, facts::Field, no_content, things};
use crate::simulator::data::{Seed, World};

/// Makes, changes, deletes, or does something; or asks.
pub(super) fn write(place: &Place<'_>) -> Outcome {
    let body = body(place)?;
    match place.operation.method.as_str() {
        "DELETE" => delete(place),
        "POST" if place.facts.is_collection(place.path) => create(place, &body),
        "PUT" | "PATCH" => change(place, &body),
        _ => act(place, &body),
    }
}

/// The body, with all that its model requires.
fn body(place: &Place<'_>) -> Result<Value, Failure> {
    let Some(name) = &place.operation.body else { return Ok(Value::Null) };
    let body: Value = place.exchange.body()?;
    let model = place.facts.model(name.trim_end_matches("[]"));
    let objects = body.as_array().map_or_else(|| vec![&body], |items| items.iter().collect());
    for object in objects {
        let Some((model, fields)) = model.zip(object.as_object()) else { continue };
        if let Some(unknown) = fields.keys().find(|name| !model.fields.contains_key(*name)) {
            return Err(Failure::unknown(unknown, name));
        }
        // A change names what changes; who made something, Genesys says.
        let is_whole = place.operation.method != "PATCH";
        let is_asked =
            |(name, field): &(&String, &Field)| field.required && is_whole && !name.ends_with("By");
        let mut required = model.fields.iter().filter(is_asked);
        if let Some((missing, _)) = required.find(|(name, _)| !fields.contains_key(*name)) {
            return Err(Failure::invalid(format!("Field [{missing}] is missing")));
        }
    }
    Ok(body)
}

/// The division that a body puts something into.
fn division(world: &World, body: &Value) -> Result<Option<usize>, Failure> {
    let said = body.get("division").and_then(|division| division.get("id").or(Some(division)));
    let Some(id) = said.or_else(|| body.get("divisionId")).and_then(Value::as_str) else { return Ok(None) };
    let place = world.plan.divisions.iter().position(|division| division.id == id);
    place.map(Some).ok_or_else(|| Failure::missing("division", id))
}

fn create(place: &Place<'_>, body: &Value) -> Outcome {
    let said = division(place.world(), body)?;
    // Home is the first; what carries no division is nobody's.
    let is_divided = |thing: &Thing| thing.division.is_some() && !place.facts.is_silent(place.path);
    let divided = things::all(place.world(), place.path).iter().any(is_divided);
    let parent = place.above.last().map(|parent| parent.division);
    let division = said.or_else(|| parent.unwrap_or_else(|| divided.then_some(0)));
    reach(place, division)?;
    let made = place.exchange.organisation.change(|world| {
        // The same calls make the same, whatever else is made beside them.
        let text = body.to_string();
        let again = world.written.keys().filter(|path| path.starts_with(place.path)).count();
        let seed = Seed::of(world.plan.seed, &["made", place.path, &text], again as u64);
        let id = things::marked(world, division, seed);
        let thing = Thing { id, collection: place.path.to_owned(), division, number: 0 };
        let fields = Some(body.as_object().cloned().unwrap_or_default());
        world.written.insert(thing.path(), Written { fields, division, is_new: true });
        Ok(thing)
    })?;
    Ok(shown(place, &made))
}

fn change(place: &Place<'_>, body: &Value) -> Outcome {
    let is_one = place.operation.path.ends_with('}');
    let mut thing = if is_one { place.above.last().cloned() } else { None }.unwrap_or_else(|| place.whose());
    thing.division = division(place.world(), body)?.or(thing.division);
    reach(place, thing.division)?;
    place.exchange.organisation.change(|world| {
        let new = Written { fields: None, division: thing.division, is_new: false };
        let written = world.written.entry(thing.path()).or_insert(new);
        written.division = thing.division;
        let fields = written.fields.get_or_insert_with(Map::new);
        fields.extend(body.as_object().cloned().unwrap_or_default());
        Ok(())
    })?;
    Ok(shown(place, &thing))
}

fn delete(place: &Place<'_>) -> Outcome {
    let is_one = place.operation.path.ends_with('}');
    let thing = if is_one { place.above.last().cloned() } else { None }.unwrap_or_else(|| place.whose());
    reach(place, thing.division)?;
    if is_one {
        place.exchange.organisation.change(|world| {
            let gone = Written { fields: None, division: thing.division, is_new: false };
            world.written.insert(thing.path(), gone);
            Ok(())
        })?;
    }
    let is_silent = place.response().is_none() && place.lied(&thing).is_none();
    if is_silent { Ok(no_content()) } else { Ok(shown(place, &thing)) }
}

/// Something that is done, or asked: by a body that may name divisions, or what is in one.
fn act(place: &Place<'_>, body: &Value) -> Outcome {
    let (divisions, ids) = asked(place, body);
    let whose = divisions.first().or_else(|| ids.first()).copied();
    if let Some((field, item)) = place.response().and_then(|model| place.facts.listed(model)) {
        let asked = if divisions.is_empty() { &ids } else { &divisions };
        let asked = (!asked.is_empty()).then(|| {
            asked.iter().map(|division| place.world().division_id(*division).to_owned()).collect::<Vec<_>>()
        });
        return place.list(field, item, asked.as_deref());
    }
    let thing = match place.above.last() {
        Some(_) => place.whose(),
        None => Thing { division: whose, ..place.whose() },
    };
    Ok(shown(place, &thing))
}

/// The divisions that a body or a query names, and those of what else they name.
fn asked(place: &Place<'_>, body: &Value) -> (Vec<usize>, Vec<usize>) {
    let mut texts = Vec::new();
    collect(body, &mut texts);
    for parameter in &place.operation.query {
        texts.extend(place.exchange.query.list(&parameter.name).unwrap_or_default());
    }
    let world = place.world();
    let (mut divisions, mut ids) = (Vec::new(), Vec::new());
    for text in texts {
        if let Some(found) = world.plan.divisions.iter().position(|division| division.id == text) {
            divisions.push(found);
        } else if uuid::Uuid::try_parse(&text).is_ok() {
            ids.extend(things::named(world, place.facts, &text).and_then(|thing| thing.division));
        }
    }
    (divisions, ids)
}

fn collect(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn reach(place: &Place<'_>, division: Option<usize>) -> Result<(), Failure> {
    let division = division.and_then(|division| place.world().division(division));
    match division.filter(|division| !place.exchange.client.reaches(division.id)) {
        Some(division) => Err(Failure::foreign("entity", "", "", division.name, "entity:edit")),
        None => Ok(()),
    }
}

/// As it is after the change.
fn shown(place: &Place<'_>, thing: &Thing) -> Answer {
    let model = place.response().map(|model| (model, place.facts.model(model.trim_end_matches("[]"))));
    // Where nothing is promised, a lie tells whatever it likes.
    let is_divided = |(name, known): (&str, Option<_>)| known.is_none() || place.facts.is_divided(name);
    let lied = if model.is_none_or(is_divided) { place.lied(thing) } else { None };
    if model.is_none() && lied.is_none() {
        return Answer::ok("{}");
    }
    let name = model.map_or("any", |(name, _)| name);
    let world = place.exchange.organisation.world();
    let object = Filler::new(&world).thing(lied.as_ref().unwrap_or(thing), Some(name.trim_end_matches("[]")));
    Answer::json(&if name.ends_with("[]") { Value::Array(vec![object]) } else { object })
}
