//! What an account may send is sent by all replicas together.

use serde_json::json;

use super::{BUDGET, House};

const QUEUES: &str = "/api/v2/routing/queues";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_together_send_no_more_than_an_account_may_and_say_what_they_sent() {
    let house = House::start(2, None, json!({})).await;
    house.simulator.organisation().clear_calls();
    let said = async |replica: usize, what: &str| {
        let name = format!("ringfence_upstream_budget_{what}{{service_account=\"alpha\"}}");
        format!("{:.0}", house.metric(replica, &name).await.unwrap_or_default()).parse::<usize>().unwrap()
    };
    for replica in [0, 1] {
        let [spent, refused] = [said(replica, "spent_total").await, said(replica, "refusals_total").await];
        let accepted = house.burst_of(QUEUES, replica, 40).await;
        assert!((15..=20).contains(&accepted), "half of it each: {accepted}");
        let now =
            [said(replica, "spent_total").await - spent, said(replica, "refusals_total").await - refused];
        assert_eq!(now, [accepted, 40 - accepted], "at {replica}");
        assert_eq!(said(replica, "capacity").await, usize::try_from(BUDGET / 2).unwrap(), "at {replica}");
    }
    let sent = house.simulator.organisation().calls();
    let sent = sent.iter().filter(|call| call["path"].as_str() == Some(QUEUES)).count();
    assert!(sent <= usize::try_from(BUDGET).unwrap(), "{sent}");
}
