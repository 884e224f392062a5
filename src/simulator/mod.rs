//! A stand-in Genesys organisation over real HTTP: for the demo, the tests, and whoever builds against Ringfence.
//!
//! It imports nothing of ours, so that what it says about Genesys is a second opinion. Data is made from a seed
//! ([`data`]); [`api`] answers as Genesys does, [`control`] tells what is there and what goes wrong. [`HELP`] is the
//! manual.

mod account;
mod activity;
mod aggregates;
mod answer;
mod api;
mod codes;
mod control;
mod conversation;
mod conversations;
mod data;
mod dimensions;
mod disturb;
mod faults;
mod filter;
mod generic;
mod help;
mod jobs;
mod listener;
mod members;
mod moves;
mod oauth;
mod organisation;
mod query;
mod queues;
mod search;
mod timelines;
mod users;
mod writes;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use serde_json::json;
use tokio::{net::TcpListener, task::JoinSet};

pub use faults::{Fault, Match, Rule};
pub use help::{ALPHA, BETA, CLIENT_ID, CLIENT_SECRET, GAMMA, HELP, HOME, INTERVAL};
pub use organisation::{Logins, Organisation, Tokens};

/// Where the simulator listens and what it makes up.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Options {
    /// Address of login and API; port 0 picks a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,
    /// Address of the control listener; port 0 picks a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8091")]
    pub control: SocketAddr,
    /// What the data is made from: the same number gives the same data.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How much data: a multiple of 12 users, 4 queues and 30 conversations in each division, up to 100.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub scale: u32,
    /// File that gets the bound addresses as JSON once both listeners serve.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}

impl Default for Options {
    /// Free ports on the loopback address, seed 1, scale 1.
    fn default() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { listen: any, control: any, seed: 1, scale: 1, ready_file: None }
    }
}

/// A running simulator. Dropping it ends it.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    control: SocketAddr,
    organisation: Arc<Organisation>,
    tasks: JoinSet<()>,
}

impl Simulator {
    /// Binds both listeners, serves, and writes the ready file. Fails when an address is taken or the file cannot be
    /// written.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let organisation = Arc::new(Organisation::new(options.seed, options.scale)?);
        let api = bind(options.listen).await?;
        let control = bind(options.control).await?;
        let (address, control_address) = (api.local_addr()?, control.local_addr()?);
        let mut tasks = JoinSet::new();
        tasks.spawn(listener::serve(api, Arc::clone(&organisation), api::serve));
        tasks.spawn(listener::serve(control, Arc::clone(&organisation), control::serve));
        let simulator = Self { address, control: control_address, organisation, tasks };
        if let Some(file) = &options.ready_file {
            simulator.announce(file).await.with_context(|| format!("writing {}", file.display()))?;
        }
        Ok(simulator)
    }

    /// Where login and API listen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the control listener listens.
    pub fn control(&self) -> SocketAddr {
        self.control
    }

    /// The base URL of login and API.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The organisation, to look at and to disturb from the same process.
    pub fn organisation(&self) -> &Arc<Organisation> {
        &self.organisation
    }

    /// Ends it: closes the listeners and every connection.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }

    async fn announce(&self, file: &Path) -> std::io::Result<()> {
        let api = self.url();
        let control = format!("http://{}", self.control);
        let text = json!({"api": api, "login": api, "control": control}).to_string();
        // Written beside and renamed: whoever sees the file sees all of it.
        let mut beside = file.as_os_str().to_owned();
        beside.push(".part");
        tokio::fs::write(&beside, text).await?;
        tokio::fs::rename(&beside, file).await
    }
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("listening on {address}"))
}
