//! Modbus links that other masters may use beside us (`[share.<link>]`): for devices that take one connection, and
//! lines that take one master.

use crate::links::{Link, Links};
use bo_model::driver::WantedLink;
use bo_model::release::{LinkConfig, ModbusShare, Site};
use bo_runtime::Shutdown;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A port we gave up a moment ago is free again after this, at the latest.
const FREE_WITHIN: Duration = Duration::from_secs(3);
const TRY_EVERY: Duration = Duration::from_millis(50);

/// One share as people see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shared {
    /// The link.
    pub link: String,
    /// Where other masters connect.
    pub listen: SocketAddr,
    /// They may write, unseen by permission, arbitration and audit.
    pub writes: bool,
}

struct Open {
    share: ModbusShare,
    link: LinkConfig,
    address: SocketAddr,
    shutdown: Shutdown,
}

/// All shares that are open.
pub struct Shares {
    open: Mutex<BTreeMap<String, Open>>,
    links: Arc<Links>,
    shutdown: Shutdown,
}

impl Shares {
    /// None is open.
    pub fn new(links: Arc<Links>, shutdown: Shutdown) -> Shares {
        Shares { open: Mutex::default(), links, shutdown }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes what is not wanted any more, or not as it is. Before the links themselves are closed.
    pub fn close_others(&self, wanted: &Site) {
        self.lock().retain(|name, open| {
            let stays =
                wanted.shares.get(name) == Some(&open.share) && wanted.links.get(name) == Some(&open.link);
            if !stays {
                open.shutdown.signal();
            }
            stays
        });
    }

    /// Opens what is wanted and not open yet. Returns a sentence for each that can't be.
    pub async fn open(&self, wanted: &Site) -> Vec<String> {
        let mut mistakes = Vec::new();
        for (name, share) in &wanted.shares {
            if self.lock().contains_key(name) {
                continue;
            }
            let Some(link) = wanted.links.get(name) else { continue };
            let shutdown = self.shutdown.child();
            match self.start(name, share, link, &shutdown).await {
                Ok(address) => {
                    tracing::info!(link = %name, %address, writes = share.writes, "other Modbus masters may connect");
                    let open = Open { share: share.clone(), link: link.clone(), address, shutdown };
                    self.lock().insert(name.clone(), open);
                }
                Err(why) => mistakes.push(format!("share.{name}: {why}")),
            }
        }
        mistakes
    }

    async fn start(
        &self,
        name: &str,
        share: &ModbusShare,
        link: &LinkConfig,
        shutdown: &Shutdown,
    ) -> Result<SocketAddr, String> {
        let Link::Modbus(handle) = self.links.open(name, link, &WantedLink::default()).await? else {
            return Err("only a Modbus link can be shared".into());
        };
        let deadline = tokio::time::Instant::now() + FREE_WITHIN;
        loop {
            match bo_link_modbus::share(share, handle.clone(), shutdown).await {
                Ok(address) => return Ok(address),
                Err(error)
                    if error.source.kind() == std::io::ErrorKind::AddrInUse
                        && tokio::time::Instant::now() < deadline =>
                {
                    tokio::time::sleep(TRY_EVERY).await;
                }
                Err(error) => {
                    return Err(format!("cannot listen on {}: {}", share.listen, error.source));
                }
            }
        }
    }

    /// What is open.
    pub fn all(&self) -> Vec<Shared> {
        let shown = |(name, open): (&String, &Open)| Shared {
            link: name.clone(),
            listen: open.address,
            writes: open.share.writes,
        };
        self.lock().iter().map(shown).collect()
    }
}
