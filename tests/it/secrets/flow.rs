//! Calls that go on while something is changed.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::support::command::{GLANCE, PATIENCE};

pub(super) const CALLERS: usize = 20;

/// Who goes on calling, until told to stop; how often, and what was answered but 200.
pub(super) struct Flow {
    goes_on: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
    callers: JoinSet<Vec<String>>,
}

impl Flow {
    pub(super) fn of<C: Future<Output = (u16, String)> + Send + 'static>(
        call: impl Fn(usize) -> C + Clone + Send + 'static,
    ) -> Self {
        let (goes_on, calls) = (Arc::new(AtomicBool::new(true)), Arc::<AtomicUsize>::default());
        let mut callers = JoinSet::new();
        for number in 0..CALLERS {
            let (goes_on, calls, call) = (Arc::clone(&goes_on), Arc::clone(&calls), call.clone());
            callers.spawn(async move {
                let mut failed = Vec::new();
                while goes_on.load(Relaxed) {
                    let (status, text) = call(number).await;
                    calls.fetch_add(1, Relaxed);
                    failed.extend((status != 200).then(|| format!("{status} {text}")));
                }
                failed
            });
        }
        Self { goes_on, calls, callers }
    }

    pub(super) async fn until_more(&self, calls: usize) {
        let enough = self.calls.load(Relaxed) + calls;
        let deadline = Instant::now() + PATIENCE;
        while self.calls.load(Relaxed) < enough {
            assert!(Instant::now() < deadline, "the calls do not flow");
            sleep(GLANCE).await;
        }
    }

    /// Nothing failed.
    pub(super) async fn ends(self) {
        self.goes_on.store(false, Relaxed);
        let failed = self.callers.join_all().await.concat();
        assert_eq!(failed, Vec::<String>::new());
    }
}
