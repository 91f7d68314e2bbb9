//! Asks the sentinels which server is the primary: once a second, and at once when one of them announces a
//! failover.
//!
//! Each sentinel has connections of its own. They are dropped when it does not reply, and made again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fred::clients::{Client, SubscriberClient};
use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientLike, EventInterface, PubsubInterface};
use fred::types::config::{Config, ServerConfig};
use fred::types::{Builder, ClusterHash, CustomCommand, RespVersion, Value};
use parking_lot::Mutex;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::redis::cluster::config_for;
use crate::redis::driver::builder;
use crate::redis::sentinel_votes::{Answer, NamedPrimary, Votes};
use crate::redis::slot_owners::Address;

/// Interval of questions to each sentinel.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Interval of questions while the sentinels disagree.
const HURRIED_INTERVAL: Duration = Duration::from_millis(100);

/// How long they are asked in a hurry after an answer has changed: a failover spreads among the sentinels within
/// two seconds, and one that is cut off may disagree for hours.
const HURRY: Duration = Duration::from_secs(3);

/// Timeout of an answer, connecting included.
const REPLY_TIMEOUT: Duration = Duration::from_secs(1);

/// Pause before a sentinel that did not reply is connected to again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);

/// Most sentinels that are asked; a deployment has three or five.
const SENTINELS_MAX: usize = 16;

/// Interval at which it is logged that too few sentinels reply.
const LOG_INTERVAL: Duration = Duration::from_secs(30);

/// The sentinels have this long after the start until the first such line.
const LOG_DELAY: Duration = Duration::from_secs(3);

/// The channels on which a sentinel announces a failover: to all clients, and before that to those in a hurry.
const ANNOUNCEMENTS: [&str; 2] = ["+switch-master", "+promoted-slave"];

/// The sentinels of one primary.
pub(crate) struct Sentinels {
    service: String,
    configured: Vec<Address>,
    /// The configuration of a connection to a sentinel.
    config: Config,
    shared: Arc<Answers>,
    tasks: BTreeMap<Address, AbortOnDropHandle<()>>,
    in_use: Option<NamedPrimary>,
    named: BTreeMap<Address, Address>,
    hurried_until: Instant,
    next_log_at: Instant,
}

/// The latest answers.
#[derive(Default)]
struct Answers {
    answers: Mutex<BTreeMap<Address, Answer>>,
    /// The latest reason why a sentinel does not answer.
    error: Mutex<String>,
    /// Notified at each answer.
    changed: Notify,
    /// Makes all sentinels be asked at once.
    ask: watch::Sender<()>,
}

impl Sentinels {
    /// Returns the sentinels of a configuration; `None` if it names none.
    pub(crate) fn of(config: &Config) -> Option<Self> {
        let ServerConfig::Sentinel { hosts, service_name, username, password } = &config.server else { return None };
        let configured = hosts.iter().map(|server| Address { host: server.host.to_string(), port: server.port });
        let (username, password) = (username.clone(), password.clone());
        let now = Instant::now();
        Some(Self {
            service: service_name.clone(),
            configured: configured.collect(),
            config: Config { username, password, database: None, ..config.clone() },
            shared: Arc::default(),
            tasks: BTreeMap::new(),
            in_use: None,
            named: BTreeMap::new(),
            hurried_until: now,
            next_log_at: now + LOG_DELAY,
        })
    }

    /// Returns the reason why no primary is in use.
    pub(crate) fn no_primary(&self) -> String {
        format!("no sentinel names the primary of `{}`", self.service)
    }

    /// Waits until the sentinels name a primary that replaces the one in use, and returns it; it is then in use.
    /// `is_usable` tells whether the one in use works.
    pub(crate) async fn next_primary(&mut self, is_usable: impl Fn() -> bool) -> Address {
        loop {
            let answers = self.shared.answers.lock().clone();
            self.connect(&answers);
            let votes = Votes::of(answers.values(), self.configured.len());
            if let Some(primary) = votes.replacement(self.in_use.as_ref(), is_usable()) {
                let address = primary.address.clone();
                self.in_use = Some(primary);
                return address;
            }
            if let Some(in_use) = &mut self.in_use {
                in_use.epoch = in_use.epoch.max(votes.epoch_of(&in_use.address));
            }
            self.log_missing(&votes);
            let named = answers.iter().map(|(sentinel, answer)| (sentinel.clone(), answer.primary.clone())).collect();
            if self.named != named {
                self.named = named;
                self.hurried_until = Instant::now() + HURRY;
            }
            let is_hurried = votes.differ_from(self.in_use.as_ref()) && Instant::now() < self.hurried_until;
            tokio::select! {
                () = self.shared.changed.notified() => {}
                () = sleep(HURRIED_INTERVAL), if is_hurried => self.shared.ask.send_replace(()),
            }
        }
    }

    /// Starts to ask the sentinels that are not asked yet, and stops asking those that no other one knows any more.
    fn connect(&mut self, answers: &BTreeMap<Address, Answer>) {
        let discovered = answers.values().flat_map(|answer| answer.others.iter().flatten());
        let mut wanted: BTreeSet<&Address> = self.configured.iter().collect();
        for address in discovered {
            if wanted.len() < SENTINELS_MAX {
                wanted.insert(address);
            }
        }
        if !answers.is_empty() {
            self.tasks.retain(|address, _| wanted.contains(address));
            self.shared.answers.lock().retain(|address, _| wanted.contains(address));
        }
        for address in wanted {
            if !self.tasks.contains_key(address) {
                let sentinel = Sentinel {
                    address: address.clone(),
                    service: self.service.clone(),
                    config: config_for(&self.config, address),
                    shared: Arc::clone(&self.shared),
                };
                self.tasks.insert(address.clone(), AbortOnDropHandle::new(tokio::spawn(sentinel.run())));
            }
        }
    }

    fn log_missing(&mut self, votes: &Votes) {
        if votes.is_majority() || Instant::now() < self.next_log_at {
            return;
        }
        self.next_log_at = Instant::now() + LOG_INTERVAL;
        let (answering, known, service) = (votes.answering(), votes.known, &self.service);
        let error = self.shared.error.lock().clone();
        tracing::warn!(%service, answering, known, %error, "too few sentinels reply to notice a failover at once");
    }
}

/// One sentinel.
struct Sentinel {
    address: Address,
    service: String,
    config: Config,
    shared: Arc<Answers>,
}

impl Sentinel {
    async fn run(self) {
        loop {
            if let Err(error) = self.ask_repeatedly().await {
                *self.shared.error.lock() = format!("{}: {}", self.address, error.details());
            }
            self.shared.answers.lock().remove(&self.address);
            self.shared.changed.notify_one();
            sleep(RECONNECT_PAUSE).await;
        }
    }

    /// Asks at intervals and on demand, until there is no answer.
    async fn ask_repeatedly(&self) -> Result<(), Error> {
        let client: Client = self.builder().build()?;
        // The driver's tasks end with this function.
        let _driver = AbortOnDropHandle::new(client.connect());
        let announcements: SubscriberClient = self.builder().build_subscriber_client()?;
        let _announcements =
            AbortOnDropHandle::new(tokio::spawn(wait_for_announcements(announcements, Arc::clone(&self.shared))));
        let mut asked = self.shared.ask.subscribe();
        loop {
            let timed_out = |_| Error::new(ErrorKind::Timeout, "no reply in time");
            let answer = timeout(REPLY_TIMEOUT, self.ask(&client)).await.map_err(timed_out)??;
            self.shared.answers.lock().insert(self.address.clone(), answer);
            self.shared.changed.notify_one();
            tokio::select! {
                () = sleep(POLL_INTERVAL) => {}
                changed = asked.changed() => if changed.is_err() { return Ok(()) },
            }
        }
    }

    /// Asks once. Only the address of the primary is required: the permissions of the user may not include the rest.
    async fn ask(&self, client: &Client) -> Result<Answer, Error> {
        let sentinel = CustomCommand::new_static("SENTINEL", ClusterHash::FirstKey, false);
        let pipeline = client.pipeline();
        for question in ["GET-MASTER-ADDR-BY-NAME", "MASTER", "SENTINELS"] {
            let _: () = pipeline.custom(sentinel.clone(), vec![question, self.service.as_str()]).await?;
        }
        let _: () = pipeline.custom(sentinel, vec!["MYID"]).await?;
        let mut replies = pipeline.try_all::<Value>().await.into_iter();
        let mut next = || replies.next().unwrap_or_else(|| Err(Error::new(ErrorKind::Canceled, "no reply")));
        let (primary, master, others, id) = (next()?, next(), next(), next());
        let (host, port): (String, u16) = primary.convert()?;
        Ok(Answer {
            id: id.and_then(|id| id.convert()).unwrap_or_else(|_| self.address.to_string()),
            primary: Address { host, port },
            epoch: master.ok().and_then(|fields| field(fields, "config-epoch")?.parse().ok()),
            others: others.ok().and_then(addresses),
        })
    }

    /// A sentinel gets the user name and the password in an AUTH command, in which they may have any byte.
    fn builder(&self) -> Builder {
        let mut builder = builder(&self.config, 32);
        builder.with_config(|config| config.version = RespVersion::RESP2);
        builder
    }
}

/// Makes all sentinels be asked at each announcement.
async fn wait_for_announcements(client: SubscriberClient, shared: Arc<Answers>) {
    let (mut messages, mut ups) = (client.message_rx(), client.reconnect_rx());
    let _driver = AbortOnDropHandle::new(client.connect());
    loop {
        tokio::select! {
            message = messages.recv() => match message {
                Ok(_) | Err(RecvError::Lagged(_)) => shared.ask.send_replace(()),
                Err(RecvError::Closed) => return,
            },
            up = ups.recv() => match up {
                // Without the permission to subscribe, the questions at intervals remain.
                Ok(_) | Err(RecvError::Lagged(_)) => drop(client.subscribe(ANNOUNCEMENTS.to_vec()).await),
                Err(RecvError::Closed) => return,
            },
        }
    }
}

/// Returns a field of a reply that lists names and values.
fn field(fields: Value, name: &str) -> Option<String> {
    fields.convert::<BTreeMap<String, String>>().ok()?.remove(name)
}

/// Returns the addresses in a list of sentinels.
fn addresses(sentinels: Value) -> Option<Vec<Address>> {
    let sentinels: Vec<BTreeMap<String, String>> = sentinels.convert().ok()?;
    let address = |fields: &BTreeMap<String, String>| {
        Some(Address { host: fields.get("ip")?.clone(), port: fields.get("port")?.parse().ok()? })
    };
    sentinels.iter().map(address).collect()
}
