//! Two processes on one PostgreSQL: what is withdrawn at one holds at the other, under load, within a second.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::{Method, RequestBuilder};
use ringfence::simulator::{ALPHA, BETA, CLIENT_ID, CLIENT_SECRET, Options, Simulator};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::Instant};

use crate::support::{
    app::{Answer, read},
    command::{Directory, Process, ready_file, ringfence, stderr, stdout},
    database::TestDatabase,
};

mod storms;

const QUEUES: &str = "/api/v2/routing/queues";
/// What the gateway answers itself.
const CHEAP: &str = "/api/v2/tokens/me";
const WITHIN: Duration = Duration::from_secs(1);

pub(crate) struct Replica {
    pub(crate) gateway: String,
    pub(crate) operator: String,
    pub(crate) process: Process,
}

/// How long it took until a change held.
#[derive(Clone, Copy)]
pub(crate) struct Taken {
    /// When the last call was sent that was answered as if nothing had changed: no load of the machine excuses it.
    pub(crate) otherwise: Duration,
    /// When the first answer came that shows the change: what a caller sees, with what its own call takes.
    pub(crate) so: Duration,
}

/// Two replicas with one store and one master key, before a simulated organisation.
pub(crate) struct Cluster {
    pub(crate) replicas: [Replica; 2],
    pub(crate) client: reqwest::Client,
    pub(crate) admin_token: String,
    pub(crate) simulator: Simulator,
    pub(crate) directory: Directory,
    _database: TestDatabase,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::postgres().await;
        let url = database.url();
        Self::before(database, &url).await
    }

    /// With the database reached at a URL of the test's own.
    async fn before(database: TestDatabase, store: &str) -> Self {
        let directory = Directory::new();
        let mut init = ringfence(&["init", "--dir", directory.path().to_str().unwrap(), "--json"]);
        let init = init.env("RINGFENCE__STORE__URL", store).output().unwrap();
        assert!(init.status.success(), "{}", stderr(&init));
        let made: Value = serde_json::from_str(&stdout(&init)).unwrap();
        let config = made["config"].as_str().unwrap();
        let simulator = Simulator::start(Options::default()).await.unwrap();
        let replicas = [
            Replica::start(config, &directory.file("one.json")).await,
            Replica::start(config, &directory.file("two.json")).await,
        ];
        let cluster = Self {
            replicas,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            admin_token: made["admin_token"].as_str().unwrap().to_owned(),
            simulator,
            directory,
            _database: database,
        };
        let url = cluster.simulator.url();
        let account = json!({
            "id": "alpha", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "api_url": url, "login_url": url,
        });
        cluster.change(0, "/service-accounts", &account).await.expect(201);
        let tenant = json!({
            "id": "alpha", "name": "Alpha", "division_ids": [ALPHA], "service_account": "alpha",
            "policy_template": "full-access",
        });
        cluster.change(0, "/tenants", &tenant).await.expect(201);
        cluster
    }

    pub(crate) async fn change(&self, replica: usize, path: &str, body: &Value) -> Answer {
        let url = format!("{}/admin/v1{path}", self.replicas[replica].operator);
        read(self.client.post(url).bearer_auth(&self.admin_token).json(body)).await
    }

    /// Changes a key.
    async fn patch(&self, replica: usize, id: &str, change: &Value) -> Answer {
        let url = format!("{}/admin/v1/keys/{id}", self.replicas[replica].operator);
        read(self.client.patch(url).bearer_auth(&self.admin_token).json(change)).await
    }

    /// Puts a policy of the tenant's own.
    async fn put_policy(&self, replica: usize, source: &str) {
        let url = format!("{}/admin/v1/tenants/alpha/policies", self.replicas[replica].operator);
        let policy = json!({ "source": source, "reason": "a test" });
        read(self.client.put(url).bearer_auth(&self.admin_token).json(&policy)).await.expect(200);
    }

    pub(crate) async fn call(&self, replica: usize, key: &str) -> u16 {
        let url = format!("{}{QUEUES}", self.replicas[replica].gateway);
        read(self.client.get(url).bearer_auth(key)).await.status.as_u16()
    }

    /// A new key: its id and the key itself.
    pub(crate) async fn key(&self) -> (String, String) {
        let key = self.change(0, "/tenants/alpha/keys", &json!({ "name": "first" })).await.expect(201);
        let text = |name: &str| key[name].as_str().unwrap().to_owned();
        (text("key_id"), text("api_key"))
    }

    /// Waits until a key is answered so, and says how long that took.
    pub(crate) async fn until(&self, replica: usize, key: &str, status: u16) -> Taken {
        let url = format!("{}{QUEUES}", self.replicas[replica].gateway);
        until(|| self.client.get(&url).bearer_auth(key), status).await
    }

    /// How long each of so many keys was answered at the other replica after it was revoked.
    async fn revocations(&self, count: usize) -> Vec<Taken> {
        let mut times = Vec::new();
        for _ in 0..count {
            let (id, key) = self.key().await;
            self.until(1, &key, 200).await;
            self.change(0, &format!("/keys/{id}/revoke"), &json!({})).await.expect(200);
            times.push(self.until(1, &key, 401).await);
        }
        times
    }

    /// Calls with a key of another kind go on at both until the flag falls.
    fn load(&self, key: &str, goes_on: &Arc<AtomicBool>, calls: &Arc<AtomicUsize>) -> JoinSet<()> {
        let mut load = JoinSet::new();
        for replica in self.replicas.iter().cycle().take(4) {
            let request = self.client.get(format!("{}{QUEUES}", replica.gateway)).bearer_auth(key);
            let (goes_on, calls) = (Arc::clone(goes_on), Arc::clone(calls));
            load.spawn(async move {
                while goes_on.load(Ordering::Relaxed) {
                    read(request.try_clone().unwrap()).await;
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        load
    }
}

impl Replica {
    pub(crate) async fn start(config: &str, ready: &str) -> Self {
        let mut serve = ringfence(&["serve", "--config", config, "--ready-file", ready]);
        for section in ["GATEWAY", "OPERATOR", "TELEMETRY"] {
            serve.env(format!("RINGFENCE__{section}__LISTEN"), "127.0.0.1:0");
        }
        serve.env("RUST_LOG", "error");
        let process = Process::start(serve);
        let addresses = ready_file(ready).await;
        let url = |name: &str| format!("http://{}", addresses[name].as_str().unwrap());
        Self { gateway: url("gateway"), operator: url("operator"), process }
    }
}

#[expect(clippy::print_stderr, reason = "the times are what this test is for: see them with --nocapture")]
pub(crate) fn report(what: &str, taken: Vec<Taken>) {
    let otherwise = taken.iter().map(|taken| taken.otherwise).max().unwrap();
    let mut times: Vec<_> = taken.into_iter().map(|taken| taken.so).collect();
    times.sort();
    let (median, most) = (times[times.len() / 2], times[times.len() - 1]);
    let nearly_most = times[times.len() * 99 / 100];
    eprintln!(
        "{what}, seen at the other replica: median {median:?}, 99th percentile {nearly_most:?}, maximum {most:?} of {}",
        times.len()
    );
    assert!(otherwise < WITHIN, "{what} took {otherwise:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_and_a_suspension_hold_at_the_other_replica_within_a_second_under_load() {
    let cluster = Cluster::start().await;
    let (_, busy) = cluster.key().await;
    cluster.until(1, &busy, 200).await;
    let (goes_on, calls) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let load = cluster.load(&busy, &goes_on, &calls);

    let revocations = cluster.revocations(200).await;
    let mut suspensions = Vec::new();
    for _ in 0..10 {
        cluster.change(1, "/tenants/alpha/suspend", &json!({})).await.expect(200);
        suspensions.push(cluster.until(0, &busy, 403).await);
        cluster.change(1, "/tenants/alpha/resume", &json!({})).await.expect(200);
        cluster.until(0, &busy, 200).await;
    }
    goes_on.store(false, Ordering::Relaxed);
    load.join_all().await;
    assert!(calls.load(Ordering::Relaxed) > 100, "the load was there: {calls:?}");
    report("a revocation", revocations);
    report("a suspension", suspensions);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_holds_at_the_other_replica_within_a_second() {
    let cluster = Cluster::start().await;
    let (_, key) = cluster.key().await;
    cluster.until(1, &key, 200).await;
    let (mut closed, mut opened) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        cluster.put_policy(0, "@id(\"closed\") forbid (principal, action, resource);").await;
        closed.push(cluster.until(1, &key, 403).await);
        cluster.put_policy(1, "").await;
        opened.push(cluster.until(0, &key, 200).await);
    }
    report("a policy that closes", closed);
    report("a policy that opens", opened);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn narrowed_addresses_operations_and_a_rotation_hold_at_the_other_replica_within_a_second() {
    let cluster = Cluster::start().await;
    let patch = async |id: &str, change: Value| cluster.patch(0, id, &change).await.expect(200);
    let (mut addresses, mut operations, mut rotations) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..10 {
        let (id, key) = cluster.key().await;
        cluster.until(1, &key, 200).await;
        patch(&id, json!({ "allowed_cidrs": ["192.0.2.0/24"] })).await;
        addresses.push(cluster.until(1, &key, 403).await);
        patch(&id, json!({ "allowed_cidrs": null })).await;
        cluster.until(1, &key, 200).await;
        patch(&id, json!({ "allowed_operations": ["users"] })).await;
        operations.push(cluster.until(1, &key, 403).await);
        let (id, key) = cluster.key().await;
        cluster.until(1, &key, 200).await;
        cluster.change(0, &format!("/keys/{id}/rotate"), &json!({ "overlap_seconds": 0 })).await.expect(201);
        rotations.push(cluster.until(1, &key, 401).await);
    }
    report("narrowed addresses", addresses);
    report("narrowed operations", operations);
    report("a rotation without overlap", rotations);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lowered_limits_and_withdrawn_divisions_hold_at_the_other_replica_within_a_second_under_load() {
    let cluster = Cluster::start().await;
    let patch = async |change: Value| {
        let url = format!("{}/admin/v1/tenants/alpha", cluster.replicas[0].operator);
        read(cluster.client.patch(url).bearer_auth(&cluster.admin_token).json(&change)).await.expect(200);
    };
    let (_, key) = cluster.key().await;
    let of =
        |path: &str| cluster.client.get(format!("{}{path}", cluster.replicas[1].gateway)).bearer_auth(&key);
    let cheap = || of(CHEAP);
    let of_beta = || of(&format!("{QUEUES}?divisionId={BETA}"));
    until(cheap, 200).await;
    let (goes_on, calls) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let load = cluster.load(&key, &goes_on, &calls);
    let (mut limits, mut divisions) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        patch(json!({ "division_ids": [ALPHA, BETA] })).await;
        // 200, or Genesys has enough of it: either way it was permitted.
        while read(of_beta()).await.status == 403 {}
        patch(json!({ "division_ids": [ALPHA] })).await;
        divisions.push(until(of_beta, 403).await);
        patch(json!({ "limits": { "requests_per_minute": 1 } })).await;
        limits.push(until(cheap, 429).await);
        patch(json!({ "limits": {} })).await;
        until(cheap, 200).await;
    }
    goes_on.store(false, Ordering::Relaxed);
    load.join_all().await;
    assert!(calls.load(Ordering::Relaxed) > 100);
    report("a lowered limit", limits);
    report("a withdrawn division", divisions);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_an_overlap_old_and_new_work_at_both_replicas_and_the_old_one_ends_at_both() {
    let cluster = Cluster::start().await;
    let (mut news, mut ends) = (Vec::new(), Vec::new());
    for turn in 0..5 {
        let (id, old) = cluster.key().await;
        cluster.until(1, &old, 200).await;
        let (here, there) = (turn % 2, 1 - turn % 2);
        let asked = json!({ "overlap_seconds": 3 });
        let begun = Instant::now();
        let issued = cluster.change(here, &format!("/keys/{id}/rotate"), &asked).await.expect(201);
        let answered = Instant::now();
        let new = issued["api_key"].as_str().unwrap().to_owned();
        assert_eq!([cluster.call(here, &old).await, cluster.call(here, &new).await], [200, 200]);
        news.push(cluster.until(there, &new, 200).await);
        assert_eq!(cluster.call(there, &old).await, 200, "the overlap has not passed");
        for replica in [here, there] {
            let before = answered.elapsed();
            let ended = cluster.until(replica, &old, 401).await;
            assert!(begun.elapsed() >= Duration::from_secs(3), "too early at {replica}");
            let late = |at: Duration| (before + at).saturating_sub(Duration::from_secs(3));
            ends.push(Taken { otherwise: late(ended.otherwise), so: late(ended.so) });
            assert_eq!(cluster.call(replica, &new).await, 200);
        }
    }
    report("a new key", news);
    report("the end of an overlap", ends);
}

/// One who changes what another has just changed is told so, and nothing of the two is lost or mixed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_one_key_at_both_replicas_at_once_do_not_mix() {
    let cluster = Cluster::start().await;
    let (id, _) = cluster.key().await;
    let mut refused = 0;
    for turn in 0..200 {
        let changes = [0, 1].map(|replica| {
            let name = format!("{replica} in turn {turn}");
            json!({ "name": name, "limits": { "requests_per_day": 1 + 1_000 * replica + turn } })
        });
        let both = tokio::join!(cluster.patch(0, &id, &changes[0]), cluster.patch(1, &id, &changes[1]));
        let answers = [both.0, both.1];
        for answer in &answers {
            if answer.status != 200 {
                assert_eq!(
                    (answer.status.as_u16(), &answer.body["code"]),
                    (409, &json!("changed_meanwhile"))
                );
                refused += 1;
            }
        }
        let url = format!("{}/admin/v1/keys/{id}", cluster.replicas[0].operator);
        let kept = read(cluster.client.get(url).bearer_auth(&cluster.admin_token)).await.expect(200);
        let is_whole = |change: &Value| {
            kept["name"] == change["name"]
                && kept["limits"]["requests_per_day"] == change["limits"]["requests_per_day"]
        };
        assert!(changes.iter().any(is_whole), "{kept}");
    }
    assert!(refused > 0, "no two met");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_or_deleted_at_one_replica_is_known_at_the_other_within_a_second() {
    const GROUPS: &str = "/api/v2/groups";
    let cluster = Cluster::start().await;
    let (_, key) = cluster.key().await;
    cluster.until(1, &key, 200).await;
    let request = |method: Method, replica: usize, path: &str| {
        let url = format!("{}{path}", cluster.replicas[replica].gateway);
        cluster.client.request(method, url).bearer_auth(&key)
    };
    let (mut made, mut deleted) = (Vec::new(), Vec::new());
    for turn in 0..10 {
        let (here, there) = (turn % 2, 1 - turn % 2);
        let group = json!({
            "name": format!("Group {turn}"), "type": "official", "rulesVisible": true, "visibility": "public",
        });
        let group = read(request(Method::POST, here, GROUPS).json(&group)).await.expect(200);
        let path = format!("{GROUPS}/{}", group["id"].as_str().unwrap());
        read(request(Method::GET, here, &path)).await.expect(200);
        made.push(until(|| request(Method::GET, there, &path), 200).await);
        read(request(Method::DELETE, there, &path)).await.expect(204);
        read(request(Method::GET, there, &path)).await.expect(404);
        // Genesys has it no more at once; that it is the tenant's no more is told by who asks Genesys.
        deleted.push(until(|| request(Method::GET, here, &path), 404).await);
        let calls = || cluster.simulator.organisation().calls().len();
        deleted.push(silent(|| request(Method::GET, here, &path), calls).await);
    }
    report("what is made", made);
    report("what is deleted", deleted);
}

/// Waits until a request is answered so, and says how long that took.
async fn until(request: impl Fn() -> RequestBuilder, status: u16) -> Taken {
    let begun = Instant::now();
    let mut otherwise = Duration::ZERO;
    loop {
        let sent = begun.elapsed();
        let seen = read(request()).await.status;
        let so = begun.elapsed();
        if seen == status {
            return Taken { otherwise, so };
        }
        // 503: it is not known whether it holds. Nothing is answered, as after what is withdrawn; what is given is not there yet.
        if seen != 503 || status == 200 {
            otherwise = sent;
        }
        assert!(so < Duration::from_secs(10), "still {seen} instead of {status}");
    }
}

/// Waits until a request is answered without Genesys, and says how long that took.
async fn silent(request: impl Fn() -> RequestBuilder, calls: impl Fn() -> usize) -> Taken {
    let begun = Instant::now();
    let mut otherwise = Duration::ZERO;
    loop {
        let (sent, before) = (begun.elapsed(), calls());
        read(request()).await.expect(404);
        let so = begun.elapsed();
        if calls() == before {
            return Taken { otherwise, so };
        }
        otherwise = sent;
        assert!(so < Duration::from_secs(10), "Genesys is still asked");
    }
}

/// One create with one `Idempotency-Key`, sent to both at once, again and again: Genesys gets each once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_that_both_are_sent_at_once_is_forwarded_by_one() {
    let cluster = Cluster::start().await;
    let (_, key) = cluster.key().await;
    cluster.until(1, &key, 200).await;
    let creates = || {
        let calls = cluster.simulator.organisation().calls();
        calls.iter().filter(|call| call["method"] == "POST" && call["path"] == QUEUES).count()
    };
    let mut in_progress = 0;
    for turn in 1..=20 {
        let body = json!({ "name": format!("Queue {turn}") });
        let post = |replica: usize| {
            let url = format!("{}{QUEUES}", cluster.replicas[replica].gateway);
            let request =
                cluster.client.post(url).bearer_auth(&key).header("idempotency-key", format!("turn-{turn}"));
            read(request.json(&body))
        };
        let answers = futures_util::future::join_all([post(0), post(1), post(0), post(1)]).await;
        assert_eq!(creates(), turn, "{answers:?}");
        let told = |answer: &&Answer| answer.headers.contains_key("idempotency-replayed");
        let first = answers.iter().find(|one| one.status == 200 && !told(one)).expect("one is the first");
        for other in answers.iter().filter(|one| !std::ptr::eq(*one, first)) {
            if other.status == 409 {
                assert_eq!(other.body["code"], "ringfence.idempotency_in_progress");
                in_progress += 1;
            } else {
                assert!(told(&other) && other.text == first.text, "{other:?}");
            }
        }
        for replica in [0, 1] {
            let again = post(replica).await;
            assert!(told(&&again) && again.text == first.text, "{again:?}");
        }
        assert_eq!(creates(), turn);
    }
    assert!(in_progress > 0, "they never met");
}
