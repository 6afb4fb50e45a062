//! The endpoints that are open. A link outlives the devices and drivers on it: a release that leaves it as it
//! was keeps its socket.

use crate::config::BrokerConfig;
use bo_link::mailbox::Receiver;
use bo_link::{BytesOp, BytesReply, Handle, Health, HttpReply, HttpRequest, ModbusOp, ModbusReply};
use bo_link_mqtt::{Credentials, EmbeddedBroker, MqttConfig, MqttLink};
use bo_model::clock::SharedClock;
use bo_model::driver::WantedLink;
use bo_model::release::LinkConfig;
use bo_runtime::Shutdown;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle as Runtime;
use tokio::sync::watch;

/// One open endpoint, by what it speaks.
#[derive(Clone)]
pub enum Link {
    /// Modbus.
    Modbus(Handle<ModbusOp, ModbusReply>),
    /// Framed bytes.
    Bytes(Bytes),
    /// MQTT.
    Mqtt(MqttLink),
    /// HTTP.
    Http(Handle<HttpRequest, HttpReply>),
}

/// A byte link and what happens on it.
#[derive(Clone)]
pub struct Bytes {
    /// Takes requests.
    pub handle: Handle<BytesOp, BytesReply>,
    /// Events from the link's start on, for its first user; later ones subscribe.
    first: Arc<Mutex<Option<Receiver<bo_link_bytes::Event>>>>,
    later: bo_link_bytes::Later,
}

impl Bytes {
    /// What happens on the link, and whether it is seen from its start on.
    pub fn events(&self) -> (Receiver<bo_link_bytes::Event>, bool) {
        match self.first.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(first) => (first, true),
            None => (self.later.subscribe(), false),
        }
    }
}

struct Open {
    config: LinkConfig,
    link: Link,
    shutdown: Shutdown,
}

/// All open links, by name.
pub struct Links {
    open: Mutex<BTreeMap<String, Open>>,
    broker: tokio::sync::Mutex<Option<EmbeddedBroker>>,
    config: BrokerConfig,
    data: PathBuf,
    clock: SharedClock,
    shutdown: Shutdown,
    aside: Runtime,
}

impl Links {
    /// None is open; all will run on this runtime.
    pub fn new(config: BrokerConfig, data: PathBuf, clock: SharedClock, shutdown: Shutdown) -> Links {
        let (open, broker) = (Mutex::default(), tokio::sync::Mutex::default());
        Links { open, broker, config, data, clock, shutdown, aside: Runtime::current() }
    }

    /// What components alone speak over will run there, and so will the on-site broker.
    pub fn aside(self, aside: Runtime) -> Links {
        Links { aside, ..self }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The link of that name, opened when it is not; `wanted` is what the driver that asks wants of it. The error is a
    /// sentence about the configuration: an endpoint that can't be reached is no error here.
    pub async fn open(&self, name: &str, config: &LinkConfig, wanted: &WantedLink) -> Result<Link, String> {
        if let Some(known) = self.lock().get(name) {
            return Ok(known.link.clone());
        }
        let shutdown = self.shutdown.child();
        let link = self
            .start(name, config, wanted, &shutdown)
            .await
            .map_err(|error| format!("link {name}: {error}"))?;
        self.lock().insert(name.to_owned(), Open { config: config.clone(), link: link.clone(), shutdown });
        Ok(link)
    }

    async fn start(
        &self,
        name: &str,
        config: &LinkConfig,
        wanted: &WantedLink,
        shutdown: &Shutdown,
    ) -> Result<Link, String> {
        let clock = self.clock.clone();
        // Of a release: a site file's are absolute by now.
        let mut config = config.clone();
        config.files_in(&self.data);
        match &config {
            LinkConfig::ModbusTcp { .. } | LinkConfig::ModbusRtu { .. } => {
                bo_link_modbus::spawn(&config, clock, shutdown)
                    .map(Link::Modbus)
                    .map_err(|error| error.to_string())
            }
            LinkConfig::Serial { .. } | LinkConfig::Tcp { .. } | LinkConfig::Udp { .. } => {
                let _aside = self.aside.enter();
                let link =
                    bo_link_bytes::spawn(&config, wanted.framing.as_ref(), wanted.port, clock, shutdown)
                        .map_err(|error| error.to_string())?;
                Ok(Link::Bytes(Bytes {
                    handle: link.handle,
                    first: Arc::new(Mutex::new(Some(link.events))),
                    later: link.later,
                }))
            }
            LinkConfig::MqttEmbedded => {
                Ok(Link::Mqtt(bo_link_mqtt::spawn(self.embedded().await?, clock, shutdown)))
            }
            LinkConfig::Mqtt { host, port, tls, username, password_file, version } => {
                let mut to = MqttConfig::new(
                    host,
                    port.unwrap_or(if tls.is_some() { 8883 } else { 1883 }),
                    self.client_id(name),
                );
                to.version = *version;
                if let Some(tls) = tls {
                    to.tls = Some(bo_link_mqtt::client_tls(tls).map_err(|error| error.to_string())?);
                }
                if let Some(user) = username {
                    let password = match password_file {
                        Some(path) => bo_runtime::config::secret("password_file", path)
                            .map_err(|error| error.to_string())?,
                        None => String::new(),
                    };
                    to.login = Some((user.clone(), password));
                }
                Ok(Link::Mqtt(bo_link_mqtt::spawn(to, clock, shutdown)))
            }
            LinkConfig::Http { .. } => {
                let _aside = self.aside.enter();
                let link = bo_link_http::spawn(&config, clock, shutdown);
                link.map(Link::Http).map_err(|error| error.to_string())
            }
        }
    }

    /// Starts the on-site broker when it does not run yet; it runs as long as the agent.
    async fn embedded(&self) -> Result<MqttConfig, String> {
        let mut broker = self.broker.lock().await;
        if let Some(running) = &*broker {
            return Ok(running.agent());
        }
        let credentials = match &self.config.credentials_file {
            Some(path) => Credentials::load(path).map_err(|error| error.to_string())?,
            None => Credentials::default(),
        };
        let config = bo_link_mqtt::BrokerConfig {
            listen: self.config.listen,
            anonymous: self.config.anonymous,
            tls: self.config.tls.clone(),
            credentials,
            storage: Some(self.data.join("broker")),
        };
        let shutdown = self.shutdown.clone();
        let started = self.aside.spawn(async move { EmbeddedBroker::start(config, &shutdown).await });
        let started = started.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        tracing::info!(address = %started.address(), "the on-site broker listens");
        Ok(broker.insert(started).agent())
    }

    /// Where the on-site broker listens, when it runs.
    pub async fn broker_address(&self) -> Option<SocketAddr> {
        self.broker.lock().await.as_ref().map(EmbeddedBroker::address)
    }

    /// Client ids at the on-site broker that several devices use at present.
    pub async fn contended_clients(&self) -> Vec<String> {
        self.broker.lock().await.as_ref().map(EmbeddedBroker::contended).unwrap_or_default()
    }

    /// Unique at a broker that several edges share.
    fn client_id(&self, link: &str) -> String {
        use sha2::{Digest, Sha256};
        let place = hex::encode(&Sha256::digest(self.data.as_os_str().as_encoded_bytes())[..4]);
        format!("backoffice-edge-{place}-{}-{link}", std::process::id())
    }

    /// Closes the links that are not wanted any more, or not as they are.
    pub fn close_others(&self, wanted: &BTreeMap<String, LinkConfig>) {
        self.lock().retain(|name, open| {
            let stays = wanted.get(name) == Some(&open.config);
            if !stays {
                open.shutdown.signal();
            }
            stays
        });
    }

    /// Every link's health, by name.
    pub fn health(&self) -> Vec<(String, Health)> {
        self.lock().iter().map(|(name, open)| (name.clone(), open.link.health().borrow().clone())).collect()
    }
}

impl Link {
    /// How it is.
    pub fn health(&self) -> watch::Receiver<Health> {
        match self {
            Link::Modbus(handle) => handle.health(),
            Link::Bytes(link) => link.handle.health(),
            Link::Mqtt(link) => link.health(),
            Link::Http(handle) => handle.health(),
        }
    }
}
