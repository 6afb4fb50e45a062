//! Publishing at an MQTT broker: one short connection per message. Notifications are rare, and a connection that is kept
//! would have to be watched.

use crate::config::MqttConfig;
use crate::error::DeliveryError;
use crate::message::Publish;
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS, TlsConfiguration, Transport};
use std::sync::Arc;
use std::time::Duration;

/// How long connecting, publishing and the broker's acknowledgement may take together.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A broker and who we are to it.
pub(crate) struct Broker {
    host: String,
    port: u16,
    tls: Option<Arc<rustls::ClientConfig>>,
    login: Option<(String, String)>,
}

fn config(why: impl Into<String>) -> DeliveryError {
    DeliveryError::Config { section: "mqtt", why: why.into() }
}

impl Broker {
    /// Reads files and checks the configuration.
    pub(crate) fn new(settings: &MqttConfig) -> Result<Broker, DeliveryError> {
        let login = match (&settings.username, &settings.password_file) {
            (Some(name), Some(file)) => {
                let password = bo_runtime::config::secret("mqtt.password_file", file)
                    .map_err(|error| config(error.to_string()))?;
                Some((name.clone(), password))
            }
            _ => None,
        };
        let tls = if settings.plain { None } else { Some(Arc::new(tls(settings)?)) };
        Ok(Broker { host: settings.host.clone(), port: settings.port, tls, login })
    }

    /// Publishes one message and waits until the broker has it.
    pub(crate) async fn send(&self, id: i64, publish: &Publish) -> Result<(), DeliveryError> {
        let mut options = MqttOptions::new(format!("backoffice-delivery-{id}"), &self.host, self.port);
        options.set_clean_session(true).set_keep_alive(Duration::from_secs(20));
        if let Some(tls) = &self.tls {
            options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls.clone())));
        }
        if let Some((name, password)) = &self.login {
            options.set_credentials(name, password);
        }
        let (client, mut events) = AsyncClient::new(options, 4);
        events.network_options.set_tcp_nodelay(true);
        client
            .try_publish(&publish.topic, QoS::AtLeastOnce, false, publish.body.to_string())
            .map_err(|error| DeliveryError::Mqtt(error.to_string()))?;
        let outcome = tokio::time::timeout(TIMEOUT, acknowledged(&mut events)).await;
        let outcome =
            outcome.unwrap_or_else(|_| Err(DeliveryError::Mqtt("it did not answer in time".into())));
        // A polite goodbye; the connection ends with `events` in any case.
        if outcome.is_ok() && client.try_disconnect().is_ok() {
            drop(tokio::time::timeout(Duration::from_secs(1), events.poll()).await);
        }
        outcome
    }
}

async fn acknowledged(events: &mut EventLoop) -> Result<(), DeliveryError> {
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::PubAck(_))) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(DeliveryError::Mqtt(error.to_string())),
        }
    }
}

fn tls(settings: &MqttConfig) -> Result<rustls::ClientConfig, DeliveryError> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;
    let mut roots = rustls::RootCertStore::empty();
    match &settings.ca_file {
        Some(path) => {
            let wrong = |why: String| config(format!("ca_file {}: {why}", path.display()));
            for certificate in
                CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?
            {
                let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
                roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
            }
        }
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| config(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
