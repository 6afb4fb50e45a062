//! How to reach a broker, and TLS as the site's configuration describes it.

use crate::error::MqttError;
use bo_model::release::{MqttVersion, TlsClient};
use std::sync::Arc;

/// One broker, one session.
#[derive(Clone)]
pub struct MqttConfig {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Present for TLS, from [`client_tls`].
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// User name and password.
    pub login: Option<(String, String)>,
    /// Must be unique at the broker: two clients with one id put each other out.
    pub client_id: String,
    /// Which version of MQTT the broker is spoken to in.
    pub version: MqttVersion,
    /// Requests of one user of the link that may wait, per lane.
    pub room: usize,
}

impl MqttConfig {
    /// Plain TCP, no login.
    pub fn new(host: impl Into<String>, port: u16, client_id: impl Into<String>) -> MqttConfig {
        let (host, client_id) = (host.into(), client_id.into());
        MqttConfig { host, port, tls: None, login: None, client_id, version: MqttVersion::V3, room: 256 }
    }
}

impl std::fmt::Debug for MqttConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MqttConfig")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive() // the password never reaches a log
    }
}

/// TLS from a link's settings: the system's roots or the pinned CA, and a client certificate if there is one.
pub fn client_tls(tls: &TlsClient) -> Result<Arc<rustls::ClientConfig>, MqttError> {
    bo_link_stream::tls::client_config_for_host(tls).map(Arc::new).map_err(MqttError::Tls)
}
