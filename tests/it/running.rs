//! What an operator sees of a process that runs, and does to it: its limits, its signals, its metrics.

use std::{fs, process::Command};

use ringfence::simulator::{Fault, Match, Rule};

use crate::{
    serving::Server,
    support::{app::read, command::PATIENCE},
};

/// One line of `/metrics`: its value.
pub(crate) async fn metric(telemetry: &str, name: &str) -> Option<f64> {
    let metrics = reqwest::get(format!("{telemetry}/metrics")).await.unwrap().text().await.unwrap();
    metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// Looks again until a metric has this value.
pub(crate) async fn until_metric(telemetry: &str, name: &str, value: f64) {
    let begun = tokio::time::Instant::now();
    while metric(telemetry, name).await != Some(value) {
        assert!(begun.elapsed() < PATIENCE, "{name} does not become {value}");
        tokio::task::yield_now().await;
    }
}

/// The same command, begun with few descriptors allowed and more to be had.
fn with_few_descriptors(command: &mut Command) {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -Sn 256 && exec \"$0\" \"$@\""]);
    shell.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    *command = shell;
}

#[tokio::test]
async fn as_many_descriptors_as_are_granted_are_taken() {
    let server = Server::start_with(with_few_descriptors).await;
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.process.id())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<_> =
        files.split_whitespace().filter(|word| !word.chars().any(char::is_alphabetic)).collect();
    assert_ne!(numbers[0], "256", "{files}");
    assert_eq!(numbers[0], numbers[1], "{files}");
}

#[tokio::test]
async fn a_hangup_ends_nothing() {
    let mut server = Server::start().await;
    server.process.signal("HUP");
    assert_eq!(read(server.users()).await.status, 200);
    server.process.signal("TERM");
    assert_eq!(server.process.ended().await.code(), Some(0));
}

#[tokio::test]
async fn whether_an_account_is_spared_is_seen_in_the_metrics() {
    const OPEN: &str = "ringfence_upstream_breakers_open ";
    let server = Server::start().await;
    assert_eq!(read(server.users()).await.status, 200);
    assert!(metric(&server.telemetry, OPEN).await.is_none_or(|open| open == 0.0));
    let api = Match { method: None, path_prefix: Some("/api".to_owned()) };
    let fails = Rule::new(api, Fault::Status { status: 503, retry_after: None }, None);
    server.simulator.organisation().set_faults(vec![fails]);
    let begun = tokio::time::Instant::now();
    while read(server.users()).await.body["code"] != "ringfence.upstream_unavailable" {
        assert!(begun.elapsed() < PATIENCE, "it should be spared");
    }
    assert_eq!(metric(&server.telemetry, OPEN).await, Some(1.0));
    assert!(metric(&server.telemetry, "ringfence_upstream_calls_spared_total ").await >= Some(1.0));
    server.simulator.organisation().set_faults(Vec::new());
    while read(server.users()).await.status != 200 {
        assert!(begun.elapsed() < PATIENCE, "it should be called again");
    }
    assert_eq!(metric(&server.telemetry, OPEN).await, Some(0.0));
}
