//! `[mail]` and `[mqtt]` of the controller's configuration.

use serde::Deserialize;
use std::path::PathBuf;

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailSecurity {
    /// TLS after a greeting in clear; refused when the server does not offer it.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// None: only for a server on this machine.
    None,
}

/// `[mail]`: the server that takes mail.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// Host name; verified in its certificate.
    pub host: String,
    /// Port; 587 for `starttls`, 465 for `tls`, 25 for `none` when absent.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub security: MailSecurity,
    /// PEM file with the CA to trust instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// User name.
    #[serde(default)]
    pub username: Option<String>,
    /// File that holds the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// The sender: `BackOffice <backoffice@example.org>`.
    pub from: String,
}

/// `[mqtt]`: the broker that notifications are published at.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttConfig {
    /// Host name; verified in its certificate.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Plain TCP: only for a broker on this machine or a network you trust.
    #[serde(default)]
    pub plain: bool,
    /// PEM file with the CA to trust instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// User name.
    #[serde(default)]
    pub username: Option<String>,
    /// File that holds the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
}
