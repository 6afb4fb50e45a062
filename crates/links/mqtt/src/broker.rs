//! The broker the edge brings along for sites that have none: the `mqtt5` crate with our credentials and topic rules.
//!
//! Devices sign in with a name and a password of their own and may use only their topics. The agent itself is a client like
//! the others, with a password made at start that never leaves the process.

use crate::contended::Contended;
mod tls;

pub use tls::BrokerTls;

use crate::error::MqttError;
use crate::topic::{covers, matches};
use bo_runtime::Shutdown;
use mqtt5::broker::config::{BrokerConfig as Settings, StorageBackend, StorageConfig};
use mqtt5::broker::{AuthProvider, AuthResult, MqttBroker};
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::protocol::v5::reason_codes::ReasonCode;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::future::Future;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// The agent's own name at its broker.
pub const AGENT: &str = "backoffice-edge";

/// How the broker runs.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// Address; port 0 takes a free one. Loopback unless devices have credentials or `anonymous` says otherwise.
    pub listen: SocketAddr,
    /// Let devices in that show no credentials, to all topics. On loopback, or a network of its own.
    pub anonymous: bool,
    /// Who may do what.
    pub credentials: Credentials,
    /// A second address, for devices that speak TLS.
    pub tls: Option<BrokerTls>,
    /// Folder for retained messages and sessions across restarts; in memory when absent.
    pub storage: Option<PathBuf>,
}

/// Devices with their passwords and topics: a TOML file, one table per device.
///
/// ```toml
/// [plug1]
/// password = "…"
/// # topics = ["tele/plug1/#", "cmnd/plug1/#"]   when absent: every topic with a level `plug1` in it
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Credentials(pub BTreeMap<String, DeviceLogin>);

/// One device's login.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceLogin {
    /// Its password.
    pub password: String,
    /// Filters it may publish to and subscribe below.
    #[serde(default)]
    pub topics: Option<Vec<String>>,
}

impl std::fmt::Debug for DeviceLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceLogin").field("topics", &self.topics).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Reads the file.
    pub fn load(path: &Path) -> Result<Credentials, MqttError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| MqttError::Read { path: path.to_owned(), source })?;
        let wrong = |message: String| MqttError::Credentials { path: path.to_owned(), message };
        let all: Credentials = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        for (name, login) in &all.0 {
            if name == AGENT {
                return Err(wrong(format!(
                    "[{name}] is the agent's own name; call the device something else"
                )));
            }
            if login.password.is_empty() {
                return Err(wrong(format!("[{name}] has an empty password")));
            }
            if let Some(bad) = login.topics.iter().flatten().find(|topic| !crate::topic::is_filter(topic)) {
                return Err(wrong(format!("[{name}]: `{bad}` is not a topic filter")));
            }
        }
        Ok(all)
    }
}

/// The running broker.
pub struct EmbeddedBroker {
    address: SocketAddr,
    tls_address: Option<SocketAddr>,
    password: String,
    links: AtomicU32,
    rules: Arc<Rules>,
}

impl EmbeddedBroker {
    /// Starts it; it ends with `shutdown`.
    pub async fn start(config: BrokerConfig, shutdown: &Shutdown) -> Result<EmbeddedBroker, MqttError> {
        if config.anonymous || !config.credentials.0.is_empty() || config.listen.ip().is_loopback() {
            // fine
        } else {
            return Err(MqttError::Open(config.listen));
        }
        let listen = |why: String| MqttError::Listen { address: config.listen, why };
        let mut random = [0u8; 24];
        rustls::crypto::ring::default_provider()
            .secure_random
            .fill(&mut random)
            .map_err(|_| listen("no randomness for the agent's password".into()))?;
        let password: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut settings = Settings {
            bind_addresses: vec![config.listen],
            max_packet_size: 1024 * 1024,
            max_retained_messages: 100_000,
            max_subscriptions_per_client: 20_000,
            sys_topics_enabled: false,
            storage_config: StorageConfig {
                backend: if config.storage.is_some() { StorageBackend::File } else { StorageBackend::Memory },
                base_dir: config.storage.clone().unwrap_or_default(),
                max_queued_messages_per_client: 10_000,
                max_queued_bytes_per_client: 8 * 1024 * 1024,
                ..StorageConfig::default()
            },
            ..Settings::default()
        };
        settings.auth_config.rate_limit.enabled = false; // one mistyped device must not lock out its neighbours behind one address
        let rules = Rules {
            anonymous: config.anonymous,
            devices: config.credentials.0.clone(),
            agent: password.clone(),
            contended: Mutex::default(),
        };
        let rules = Arc::new(rules);
        let mut broker = MqttBroker::with_config(settings)
            .await
            .map_err(|error| listen(error.to_string()))?
            .with_auth_provider(rules.clone());
        let address = broker.local_addr().ok_or_else(|| listen("no address".into()))?;
        let tls_address = match &config.tls {
            Some(tls) => Some(tls::listen(tls, here(address), shutdown).await?),
            None => None,
        };
        let (stop, end) = (broker.shutdown_handle(), shutdown.clone());
        shutdown.spawn(async move {
            end.signalled().await;
            stop.shutdown();
        });
        shutdown.spawn(async move {
            if let Err(error) = broker.run().await {
                tracing::error!(%error, "the on-site broker ended");
            }
        });
        Ok(EmbeddedBroker { address, tls_address, password, links: AtomicU32::new(0), rules })
    }

    /// Client ids that several devices use at present, each throwing the others out.
    pub fn contended(&self) -> Vec<String> {
        self.rules.contended.lock().unwrap_or_else(PoisonError::into_inner).now(Instant::now())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens for devices that speak TLS.
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.tls_address
    }

    /// How a link of the agent reaches it; each call gives a client id of its own.
    pub fn agent(&self) -> crate::MqttConfig {
        let host = here(self.address).ip().to_string();
        let number = self.links.fetch_add(1, Ordering::Relaxed);
        crate::MqttConfig {
            login: Some((AGENT.to_owned(), self.password.clone())),
            ..crate::MqttConfig::new(host, self.address.port(), format!("{AGENT}-{number}"))
        }
    }
}

/// How this machine reaches a listening address.
fn here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if ip.is_unspecified() && ip.is_ipv4() => Ipv4Addr::LOCALHOST.into(),
        ip if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Who may do what; asked by the broker for each connect, publish and subscribe.
struct Rules {
    anonymous: bool,
    devices: BTreeMap<String, DeviceLogin>,
    agent: String,
    contended: Mutex<Contended>,
}

impl Rules {
    fn admit(&self, user: Option<&str>, password: &[u8]) -> Option<AuthResult> {
        match user {
            Some(AGENT) => same(password, self.agent.as_bytes()),
            Some(name) => match self.devices.get(name) {
                Some(login) => same(password, login.password.as_bytes()),
                None => self.anonymous,
            },
            None => self.anonymous,
        }
        .then(|| user.map_or_else(AuthResult::success, AuthResult::success_with_user))
    }

    /// May `user` use everything `filter` stands for?
    fn allows(&self, user: Option<&str>, filter: &str) -> bool {
        let Some(name) = user else { return self.anonymous && !filter.starts_with('$') };
        if name == AGENT {
            return true;
        }
        match self.devices.get(name) {
            Some(DeviceLogin { topics: Some(topics), .. }) => {
                topics.iter().any(|own| covers(own, filter) || matches(own, filter))
            }
            Some(_) => !filter.starts_with('$') && filter.split('/').any(|level| level == name),
            None => self.anonymous && !filter.starts_with('$'),
        }
    }
}

/// Whether the agent uses this client id for one of its links here. Other gateways' ids begin alike and go on otherwise.
fn is_agents(client_id: &str) -> bool {
    let number = client_id.strip_prefix(AGENT).and_then(|rest| rest.strip_prefix('-'));
    number.is_some_and(|number| number.parse::<u32>().is_ok()) || client_id == AGENT
}

/// In a time that depends on the lengths alone.
fn same(given: &[u8], known: &[u8]) -> bool {
    given.len() == known.len() && given.iter().zip(known).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl AuthProvider for Rules {
    fn authenticate<'a>(
        &'a self,
        connect: &'a ConnectPacket,
        peer: SocketAddr,
    ) -> Answer<'a, mqtt5::Result<AuthResult>> {
        let password = connect.password.as_deref().unwrap_or_default();
        let user = connect.username.as_deref();
        // A client id takes over the session of whoever had it: the agent's are the agent's alone.
        let posing = is_agents(&connect.client_id) && user != Some(AGENT);
        let admitted = if posing { None } else { self.admit(user, password) };
        let mut contended = self.contended.lock().unwrap_or_else(PoisonError::into_inner);
        if admitted.is_some() && contended.connected(&connect.client_id, Instant::now()) {
            tracing::warn!(%peer, client = %connect.client_id, "several devices use one MQTT client id and throw each other out; give each its own");
        }
        drop(contended);
        if admitted.is_none() {
            tracing::warn!(%peer, client = %connect.client_id, "a device was turned away: unknown name, wrong password, or the agent's client id");
        }
        Box::pin(async move {
            Ok(admitted.unwrap_or_else(|| AuthResult::fail(ReasonCode::BadUsernameOrPassword)))
        })
    }

    fn authorize_publish<'a>(&'a self, _: &str, user: Option<&'a str>, topic: &'a str) -> Answer<'a, bool> {
        let allowed = self.allows(user, topic);
        Box::pin(async move { allowed })
    }

    fn authorize_subscribe<'a>(
        &'a self,
        _: &str,
        user: Option<&'a str>,
        filter: &'a str,
    ) -> Answer<'a, bool> {
        let allowed = self.allows(user, filter);
        Box::pin(async move { allowed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str, anonymous: bool) -> Rules {
        let devices: Credentials = toml::from_str(text).unwrap();
        Rules { anonymous, devices: devices.0, agent: "secret".into(), contended: Mutex::default() }
    }

    #[test]
    fn a_device_gets_in_with_its_password_and_only_to_its_topics() {
        let rules = rules("[plug1]\npassword = \"p\"\n[z]\npassword = \"q\"\ntopics = [\"zigbee/#\"]", false);
        assert!(rules.admit(Some("plug1"), b"p").is_some());
        for (user, password) in [(Some("plug1"), "q"), (Some("x"), "p"), (None, ""), (Some(AGENT), "")] {
            assert!(rules.admit(user, password.as_bytes()).is_none(), "{user:?}");
        }
        assert!(rules.allows(Some("plug1"), "tele/plug1/STATE"));
        assert!(rules.allows(Some("plug1"), "cmnd/plug1/#"));
        assert!(!rules.allows(Some("plug1"), "cmnd/plug2/POWER"));
        assert!(!rules.allows(Some("plug1"), "#"));
        assert!(rules.allows(Some("z"), "zigbee/a/set") && rules.allows(Some("z"), "zigbee/+/set"));
        assert!(!rules.allows(Some("z"), "#") && !rules.allows(Some("z"), "tele/z/x"));
        assert!(rules.allows(Some(AGENT), "#"));
    }

    #[test]
    fn the_agents_client_ids_are_its_own_and_another_gateways_are_not_mistaken_for_them() {
        assert!(
            is_agents("backoffice-edge") && is_agents("backoffice-edge-0") && is_agents("backoffice-edge-17")
        );
        assert!(!is_agents("backoffice-edge-1f00ab12-4711-zigbee") && !is_agents("backoffice-edgeware"));
    }

    #[test]
    fn a_credentials_file_says_what_is_wrong_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("devices.toml");
        for (text, part) in [
            ("[a]\npasword = \"x\"", "pasword"),
            ("[a]\npassword = \"\"", "empty"),
            ("[backoffice-edge]\npassword = \"x\"", "own name"),
            ("[a]\npassword = \"x\"\ntopics = [\"a/#/b\"]", "a/#/b"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Credentials::load(&path).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("devices.toml"), "{error}");
        }
    }
}
