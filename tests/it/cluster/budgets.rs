//! What an account may send is sent by all replicas together.

use serde_json::json;

use super::{BUDGET, House};

const QUEUES: &str = "/api/v2/routing/queues";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_together_send_no_more_than_an_account_may() {
    let house = House::start(2, None, json!({})).await;
    house.simulator.organisation().clear_calls();
    for replica in [0, 1] {
        let accepted = house.burst_of(QUEUES, replica, 40).await;
        assert!((15..=20).contains(&accepted), "half of it each: {accepted}");
    }
    let sent = house.simulator.organisation().calls();
    let sent = sent.iter().filter(|call| call["path"].as_str() == Some(QUEUES)).count();
    assert!(sent <= usize::try_from(BUDGET).unwrap(), "{sent}");
}
