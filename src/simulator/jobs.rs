//! Jobs of analytics: what a query would find, kept for whoever knows the job's id.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::http::StatusCode;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    aggregates,
    answer::{Answer, Failure},
    api::{Exchange, LIES},
    conversations,
    data::Seed,
};

/// As far as data can be had: the day after the last conversation.
const AVAILABLE: &str = "2026-06-08T00:00:00.000Z";
const SUBMITTED: &str = "2026-06-08T12:00:00.000Z";
const EXPIRES: &str = "2026-06-09T12:00:00.000Z";
/// Results a page, where the caller asks for no other number.
const PAGE: usize = 1_000;

type Outcome = Result<Answer, Failure>;

/// What a job is of. A job of one kind is none of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Details,
    /// The figures of something, such as `conversations`.
    Aggregates(String),
}

#[derive(Debug, Clone)]
struct Job {
    kind: Kind,
    /// As JSON.
    results: Vec<String>,
    page_size: usize,
    /// It is done once it was asked about.
    is_done: bool,
    is_expired: bool,
}

/// The jobs of the organisation.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    known: Mutex<HashMap<String, Job>>,
    begun: AtomicU64,
}

impl Jobs {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, Job>) -> T) -> T {
        work(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, kind: &Kind, id: &str, work: impl FnOnce(&mut Job) -> T) -> Result<T, Failure> {
        self.with(|known| known.get_mut(id).filter(|job| job.kind == *kind).map(work))
            .ok_or_else(|| Failure::missing("job", id))
    }

    /// Makes all of them too old.
    pub(super) fn expire(&self) {
        self.with(|known| known.values_mut().for_each(|job| job.is_expired = true));
    }
}

/// `POST /api/v2/analytics/conversations/details/jobs` and `/api/v2/analytics/{what}/aggregates/jobs`.
pub(super) fn begin(exchange: &Exchange, kind: Kind) -> Outcome {
    exchange.query.only(&[])?;
    let (results, page_size) = match &kind {
        Kind::Details => (conversations::job(exchange)?, PAGE),
        Kind::Aggregates(what) => aggregates::job(exchange, what, PAGE)?,
    };
    let jobs = exchange.organisation.jobs();
    // The same in every organisation of one seed, as all else is.
    let id = Seed::of(exchange.world.plan.seed, &["job"], jobs.begun.fetch_add(1, Ordering::Relaxed)).id();
    let job = Job { kind, results, page_size, is_done: false, is_expired: false };
    jobs.with(|known| known.insert(id.clone(), job));
    Ok(Answer::with(StatusCode::ACCEPTED, &json!({"jobId": id})))
}

/// `GET …/jobs/availability`.
pub(super) fn availability(exchange: &Exchange) -> Outcome {
    exchange.query.only(&[])?;
    Ok(Answer::json(&json!({"dataAvailabilityDate": AVAILABLE})))
}

/// `GET …/jobs/{jobId}`: whose job it is, nobody asks.
pub(super) fn status(exchange: &Exchange, kind: &Kind, id: &str) -> Outcome {
    exchange.query.only(&[])?;
    let job = exchange.organisation.jobs().change(kind, id, |job| {
        let before = job.clone();
        job.is_done = true;
        before
    })?;
    let state = match (job.is_expired, job.is_done) {
        (true, _) => "EXPIRED",
        (false, true) => "FULFILLED",
        (false, false) => "QUEUED",
    };
    let mut status = json!({"state": state, "submissionDate": SUBMITTED, "expirationDate": EXPIRES});
    if let (true, Some(fields)) = (job.is_done, status.as_object_mut()) {
        fields.insert("completionDate".to_owned(), json!(SUBMITTED));
    }
    let code = if job.is_done { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok(Answer::with(code, &status))
}

/// `GET …/jobs/{jobId}/results`.
pub(super) fn results(exchange: &Exchange, kind: &Kind, id: &str) -> Outcome {
    let size = match kind {
        Kind::Details => {
            exchange.query.only(&["cursor", "pageSize"])?;
            Some(exchange.query.number("pageSize", PAGE, 10_000)?)
        }
        Kind::Aggregates(_) => {
            exchange.query.only(&["cursor"])?;
            None
        }
    };
    let job = exchange.organisation.jobs().change(kind, id, |job| job.clone())?;
    if job.is_expired {
        return Err(Failure::missing("job", id));
    }
    if !job.is_done {
        return Err(Failure::invalid("The job is not fulfilled yet"));
    }
    let size = size.unwrap_or(job.page_size);
    let before = exchange.query.one("cursor")?.map_or(Ok(0), |cursor| place(cursor, id))?;
    let end = (before + size).min(job.results.len());
    let mut shown: Vec<String> = job.results.get(before..end).unwrap_or_default().to_vec();
    let field = match kind {
        Kind::Details => {
            if exchange.lie {
                shown.extend(conversations::foreign(exchange, LIES));
            }
            "conversations"
        }
        Kind::Aggregates(_) => "results",
    };
    let mut text = format!("{{\"{field}\":[{}]", shown.join(","));
    if end < job.results.len() {
        let cursor = URL_SAFE_NO_PAD.encode(format!("{id}:{end}"));
        text.push_str(&[",\"cursor\":\"", &cursor, "\""].concat());
    }
    if *kind == Kind::Details {
        text.push_str(&[",\"dataAvailabilityDate\":\"", AVAILABLE, "\""].concat());
    }
    text.push('}');
    Ok(Answer::ok(text))
}

/// `DELETE …/jobs/{jobId}`.
pub(super) fn delete(exchange: &Exchange, kind: &Kind, id: &str) -> Outcome {
    exchange.query.only(&[])?;
    let jobs = exchange.organisation.jobs();
    jobs.change(kind, id, |_| ())?;
    jobs.with(|known| known.remove(id));
    Ok(Answer { status: StatusCode::NO_CONTENT, body: String::new() })
}

fn place(cursor: &str, id: &str) -> Result<usize, Failure> {
    let invalid = || Failure::invalid(format!("Value [{cursor}] is not a cursor of the job"));
    let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or_else(invalid)?;
    let (of, place) = text.split_once(':').ok_or_else(invalid)?;
    if of == id { place.parse().map_err(|_| invalid()) } else { Err(invalid()) }
}

/// As the results of a job are kept.
pub(super) fn texts(values: Vec<Value>) -> Vec<String> {
    values.into_iter().map(|value| value.to_string()).collect()
}
