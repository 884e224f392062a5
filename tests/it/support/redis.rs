//! A Redis of a test's own.

use std::{
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
};

use super::command::{Process, until};

/// A server on a free port that keeps nothing; killed when dropped.
pub(crate) struct Redis {
    address: String,
    process: Option<Process>,
}

impl Redis {
    pub(crate) async fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut redis = Self { address: free.to_string(), process: None };
        redis.start_again().await;
        redis
    }

    /// At the same address, with nothing in it.
    pub(crate) async fn start_again(&mut self) {
        let port = self.address.rsplit(':').next().unwrap();
        let mut server = Command::new("redis-server");
        server.args(["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        server.stdin(Stdio::null()).stdout(Stdio::null()).current_dir(std::env::temp_dir());
        self.process = Some(Process::start(server));
        until("Redis listens", || TcpStream::connect(&self.address).ok()).await;
    }

    /// Ends it without a word.
    pub(crate) async fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.signal("KILL");
        process.ended().await;
    }

    /// How many fields the one hash has whose name matches; none where there is not one.
    pub(crate) fn fields(&self, pattern: &str) -> usize {
        let keys = self.told(&["--raw", "KEYS", pattern]);
        let [key] = *keys.lines().collect::<Vec<_>>() else { return 0 };
        self.told(&["HLEN", key]).trim().parse().unwrap()
    }

    fn told(&self, command: &[&str]) -> String {
        let port = self.address.rsplit(':').next().unwrap();
        let told = Command::new("redis-cli").args(["-p", port]).args(command).output().unwrap();
        String::from_utf8(told.stdout).unwrap()
    }

    /// `HOST:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }
}
