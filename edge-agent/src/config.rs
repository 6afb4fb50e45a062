//! `edge.toml`: where the agent keeps its data, what it serves locally, how long holds last.
//! `docs/edge.example.toml` shows every key with its default.

use bo_runtime::logging::LogConfig;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EdgeConfig {
    /// Everything the agent keeps: journal, state, releases, driver cache, certificate.
    pub data: PathBuf,
    /// Site file to run instead of the controller's releases.
    pub site: Option<PathBuf>,
    /// Folder of driver folders, for a site file.
    pub drivers: Option<PathBuf>,
    /// Folder of trigger folders, for a site file.
    pub triggers: Option<PathBuf>,
    /// Public keys, in hex, whose signature a driver must have to run here; any driver when empty.
    pub trusted_driver_keys: Vec<String>,
    /// The page for people on site.
    pub local_page: LocalPageConfig,
    /// The broker for devices on site.
    pub broker: BrokerConfig,
    /// Who holds a target for how long.
    pub commands: CommandsConfig,
    /// When absence becomes an alarm.
    pub presence: PresenceConfig,
    /// Bounds of the journal.
    pub journal: JournalConfig,
    /// How a new release proves itself.
    pub release: ReleaseConfig,
    /// Logs.
    pub log: LogConfig,
}

impl Default for EdgeConfig {
    fn default() -> Self {
        EdgeConfig {
            data: "/var/lib/backoffice-edge".into(),
            site: None,
            drivers: None,
            triggers: None,
            trusted_driver_keys: Vec::new(),
            local_page: LocalPageConfig::default(),
            broker: BrokerConfig::default(),
            commands: CommandsConfig::default(),
            presence: PresenceConfig::default(),
            journal: JournalConfig::default(),
            release: ReleaseConfig::default(),
            log: LogConfig::default(),
        }
    }
}

/// `[local_page]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LocalPageConfig {
    /// Address to listen on; absent = no page.
    pub listen: Option<SocketAddr>,
    /// Shows values to whoever reaches the address; otherwise only to people who sign in.
    pub open: bool,
    /// Argon2id hash (PHC string) of the operator's password: `backoffice-edge hash-password` makes one.
    /// Without it only people of the release can sign in.
    pub operator_password_hash: Option<String>,
    /// File with the token that calls of webhooks carry. Without it only this machine may call them.
    pub webhook_token_file: Option<PathBuf>,
}

impl Default for LocalPageConfig {
    fn default() -> Self {
        LocalPageConfig {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 8090))),
            open: false,
            operator_password_hash: None,
            webhook_token_file: None,
        }
    }
}

/// `[broker]`: the embedded MQTT broker, started when a link asks for it.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrokerConfig {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Accept devices without credentials. Only on loopback, or on a network of its own.
    pub anonymous: bool,
    /// TOML file with a table per device: password and topics (see `bo_link_mqtt::Credentials`).
    pub credentials_file: Option<PathBuf>,
    /// A second address, for devices that speak TLS.
    pub tls: Option<bo_link_mqtt::BrokerTls>,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        BrokerConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 1883)),
            anonymous: false,
            credentials_file: None,
            tls: None,
        }
    }
}

/// `[commands]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CommandsConfig {
    /// How long a person's command holds its target against triggers and schedules.
    #[serde(with = "bo_model::span")]
    pub manual_hold: Duration,
    /// How long a life-safety command holds its target against everything below it.
    #[serde(with = "bo_model::span")]
    pub life_safety_hold: Duration,
}

impl Default for CommandsConfig {
    fn default() -> Self {
        CommandsConfig {
            manual_hold: Duration::from_secs(2 * 3600),
            life_safety_hold: Duration::from_secs(12 * 3600),
        }
    }
}

/// `[presence]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PresenceConfig {
    /// A device that does not answer for this long raises an alarm.
    #[serde(with = "bo_model::span")]
    pub alarm_after: Duration,
}

impl Default for PresenceConfig {
    fn default() -> Self {
        PresenceConfig { alarm_after: Duration::from_secs(60) }
    }
}

/// `[journal]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JournalConfig {
    /// Most disk it may take, in MiB.
    pub max_mib: u64,
    /// Least free disk to leave, in MiB.
    pub keep_free_mib: u64,
}

impl Default for JournalConfig {
    fn default() -> Self {
        JournalConfig { max_mib: 2048, keep_free_mib: 256 }
    }
}

/// `[release]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReleaseConfig {
    /// How long a new release is watched before it is kept.
    #[serde(with = "bo_model::span")]
    pub watch: Duration,
}

impl Default for ReleaseConfig {
    fn default() -> Self {
        ReleaseConfig { watch: Duration::from_secs(60) }
    }
}

impl EdgeConfig {
    /// Reads `edge.toml` and checks what TOML can't. Relative paths count from the file's folder.
    pub fn load(path: &Path) -> Result<EdgeConfig, bo_runtime::ConfigError> {
        let mut config: EdgeConfig = bo_runtime::config::load(path)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let absolute = |at: &mut PathBuf| {
            if at.is_relative() {
                *at = folder.join(&at);
            }
        };
        absolute(&mut config.data);
        let more = [
            &mut config.site,
            &mut config.drivers,
            &mut config.triggers,
            &mut config.broker.credentials_file,
            &mut config.local_page.webhook_token_file,
        ];
        more.into_iter().flatten().for_each(absolute);
        if let Some(tls) = &mut config.broker.tls {
            [&mut tls.cert_file, &mut tls.key_file]
                .into_iter()
                .chain(&mut tls.client_ca_file)
                .for_each(absolute);
        }
        match config.mistake() {
            Some(message) => Err(bo_runtime::ConfigError::Invalid { path: path.to_owned(), message }),
            None => Ok(config),
        }
    }

    fn mistake(&self) -> Option<String> {
        if self.broker.anonymous
            && !self.broker.listen.ip().is_loopback()
            && self.broker.credentials_file.is_some()
        {
            return Some(
                "broker: `anonymous = true` beside `credentials_file` lets everybody in; keep one".into(),
            );
        }
        if self.site.is_some() && self.drivers.is_none() {
            return Some("`site` needs `drivers`, the folder its drivers are in".into());
        }
        if self.journal.max_mib < 16 {
            return Some("journal.max_mib must be at least 16".into());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_annotated_example_shows_every_key_with_its_default() {
        let text = include_str!("../../docs/edge.example.toml");
        let shown: EdgeConfig = toml::from_str(text).unwrap();
        assert_eq!(format!("{shown:?}"), format!("{:?}", EdgeConfig::default()));
        toml::from_str::<EdgeConfig>(&bo_testkit::keys::uncommented(text, "#: ")).unwrap();
    }

    #[test]
    fn every_key_stands_in_the_example() {
        let shown = bo_testkit::keys::uncommented(include_str!("../../docs/edge.example.toml"), "#: ");
        let read = |text: &str| toml::from_str::<EdgeConfig>(text).map(drop);
        let missing =
            bo_testkit::keys::missing(&shown, |text| read(text).map_err(|error| error.message().into()));
        assert_eq!(missing, Vec::<String>::new());
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("edge.toml");
        std::fs::write(&path, "data = \"x\"\n[commands]\nmanual_hould = \"1h\"\n").unwrap();
        let error = EdgeConfig::load(&path).unwrap_err().to_string();
        assert!(
            error.contains("edge.toml") && error.contains("line 3") && error.contains("manual_hold"),
            "{error}"
        );
    }

    #[test]
    fn paths_count_from_the_files_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("edge.toml");
        std::fs::write(&path, "data = \"state\"\n").unwrap();
        assert_eq!(EdgeConfig::load(&path).unwrap().data, folder.path().join("state"));
    }
}
