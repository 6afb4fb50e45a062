//! `controller.toml`. `docs/controller.example.toml` documents every key; an unknown one is an error.

use anyhow::{Context, Result};
use bo_delivery::{MailConfig, MqttConfig};
use bo_estate::history::prune::Retention;
use bo_runtime::logging::LogConfig;
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder for the database, keys and the authority.
    pub data: PathBuf,
    /// `sqlite:<file>` or `postgres://…`; `sqlite:<data>/controller.db` when absent.
    pub database: Option<String>,
    /// A file that holds the database's address instead, because it has a password in it.
    pub database_file: Option<PathBuf>,
    /// Shown in the top bar.
    #[serde(default = "product")]
    pub name: String,
    /// The console and the API.
    pub http: Http,
    /// The way in for edges.
    #[serde(default)]
    pub uplink: Uplink,
    /// How long history is kept.
    #[serde(default)]
    pub history: Retention,
    /// The server that takes mail; without it no mail is sent.
    pub mail: Option<MailConfig>,
    /// The broker that notifications are published at.
    pub mqtt: Option<MqttConfig>,
    /// How it logs.
    #[serde(default)]
    pub log: LogConfig,
}

fn product() -> String {
    "BackOffice".into()
}

/// `[http]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Certificate chain, PEM; with it the console is served over TLS.
    pub tls_certificate_file: Option<PathBuf>,
    /// Its key, PEM.
    pub tls_key_file: Option<PathBuf>,
    /// A proxy in front serves TLS: cookies are marked secure though this port is plain.
    #[serde(default)]
    pub behind_tls: bool,
    /// Where people reach the console: links in mails begin with it. Without it no link is mailed.
    pub public_url: Option<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    #[serde(default)]
    pub trusted_proxies: Vec<IpAddr>,
}

/// `[uplink]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Uplink {
    /// Address and port for edges; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Address and port for enrolment; the port after `listen`'s when absent.
    pub enroll_listen: Option<SocketAddr>,
    /// Host name edges are told to connect to; the one they enrolled at when empty.
    pub host: String,
    /// Port edges are told to connect to, when it is not the one of `listen`.
    pub port: Option<u16>,
    /// A broker that carries edges, instead of this process.
    pub broker: Option<Broker>,
}

impl Default for Uplink {
    fn default() -> Uplink {
        Uplink {
            listen: SocketAddr::from(([0, 0, 0, 0], 8883)),
            enroll_listen: None,
            host: String::new(),
            port: None,
            broker: None,
        }
    }
}

impl Uplink {
    /// Host (empty: the one they enrolled at), port and certificate's name that edges are told to connect to.
    pub fn of_edges(&self, gate: Option<SocketAddr>) -> (String, u16, String) {
        match &self.broker {
            Some(broker) => {
                let host = if self.host.is_empty() { &broker.host } else { &self.host };
                (host.clone(), self.port.unwrap_or(broker.port), host.clone())
            }
            None => {
                let port = self.port.or(gate.map(|gate| gate.port())).unwrap_or(self.listen.port());
                (self.host.clone(), port, bo_wire::GATE_NAME.to_owned())
            }
        }
    }

    /// Where enrolment listens.
    pub fn enroll_address(&self) -> SocketAddr {
        self.enroll_listen.unwrap_or_else(|| {
            let port = if self.listen.port() == 0 { 0 } else { self.listen.port().saturating_add(1) };
            SocketAddr::new(self.listen.ip(), port)
        })
    }
}

/// `[uplink.broker]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broker {
    /// Host name; verified in its certificate.
    pub host: String,
    /// Port.
    pub port: u16,
    /// PEM file with the CA to trust; plain TCP without it, which only makes sense on this machine.
    pub ca_file: Option<PathBuf>,
    /// PEM file of a client certificate.
    pub certificate_file: Option<PathBuf>,
    /// PEM file of its key.
    pub key_file: Option<PathBuf>,
    /// User name.
    pub username: Option<String>,
    /// File that holds the password.
    pub password_file: Option<PathBuf>,
    /// Client id; each controller has its own.
    #[serde(default = "client_id")]
    pub client_id: String,
}

fn client_id() -> String {
    "backoffice-controller".into()
}

impl Config {
    /// Reads and checks a file; relative paths in it count from its folder.
    pub fn load(path: &Path) -> Result<Config> {
        let mut config: Config = bo_runtime::config::load(path)?;
        let base = path.parent().filter(|base| !base.as_os_str().is_empty()).unwrap_or(Path::new("."));
        config.data = base.join(&config.data);
        let (http, broker) = (&mut config.http, config.uplink.broker.as_mut());
        let of_broker = broker.map(|broker| {
            [
                &mut broker.ca_file,
                &mut broker.certificate_file,
                &mut broker.key_file,
                &mut broker.password_file,
            ]
        });
        let of_mail = config.mail.as_mut().map(|mail| [&mut mail.ca_file, &mut mail.password_file]);
        let of_mqtt = config.mqtt.as_mut().map(|mqtt| [&mut mqtt.ca_file, &mut mqtt.password_file]);
        let files = [&mut config.database_file, &mut http.tls_certificate_file, &mut http.tls_key_file];
        let of_others = of_mail.into_iter().chain(of_mqtt).flatten();
        for file in files.into_iter().chain(of_broker.into_iter().flatten()).chain(of_others).flatten() {
            *file = base.join(&file);
        }
        if config.http.tls_certificate_file.is_some() != config.http.tls_key_file.is_some() {
            anyhow::bail!("{}: [http] tls_certificate_file and tls_key_file belong together", path.display());
        }
        if let Some(fault) = config.history.fault() {
            anyhow::bail!("{}: [history] {fault}", path.display());
        }
        if let Some(url) = &config.http.public_url
            && !(url.starts_with("https://") || url.starts_with("http://"))
        {
            anyhow::bail!("{}: [http] public_url must begin with https:// or http://", path.display());
        }
        if config.database.is_some() && config.database_file.is_some() {
            anyhow::bail!("{}: give `database` or `database_file`, not both", path.display());
        }
        Ok(config)
    }

    /// Address of the database.
    pub fn database_url(&self) -> Result<String> {
        match (&self.database, &self.database_file) {
            (Some(url), _) => Ok(url.clone()),
            (None, Some(file)) => Ok(bo_runtime::config::secret("database_file", file)?),
            (None, None) => Ok(format!("sqlite:{}", self.data.join("controller.db").display())),
        }
    }

    /// The folder of keys, made when it is not there, for its owner only.
    pub fn keys(&self) -> Result<PathBuf> {
        use std::os::unix::fs::DirBuilderExt;
        let keys = self.data.join("keys");
        std::fs::create_dir_all(&self.data)
            .and_then(|()| match keys.is_dir() {
                true => Ok(()),
                false => std::fs::DirBuilder::new().mode(0o700).create(&keys),
            })
            .with_context(|| format!("cannot make {}", keys.display()))?;
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_valid_configuration() {
        let text = include_str!("../../docs/controller.example.toml");
        let config: Config = toml::from_str(text).unwrap();
        assert_eq!(config.uplink.enroll_address().port(), 8884);
        // Every commented key is known too.
        let config: Config = toml::from_str(&bo_testkit::keys::uncommented(text, "#= ")).unwrap();
        assert!(config.uplink.broker.is_some() && config.mail.is_some() && config.mqtt.is_some());
    }

    #[test]
    fn every_key_stands_in_the_example() {
        let shown = bo_testkit::keys::uncommented(include_str!("../../docs/controller.example.toml"), "#= ");
        let read = |text: &str| toml::from_str::<Config>(text).map(drop);
        let missing =
            bo_testkit::keys::missing(&shown, |text| read(text).map_err(|error| error.message().into()));
        assert_eq!(missing, Vec::<String>::new());
    }

    #[test]
    fn paths_count_from_the_files_folder_wherever_they_stand() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("controller.toml");
        let text = "data = \"d\"\ndatabase_file = \"f\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
            [mail]\nhost = \"m\"\nfrom = \"a@b.example\"\nca_file = \"f\"\npassword_file = \"f\"\n\
            [mqtt]\nhost = \"m\"\nport = 1\nca_file = \"f\"\npassword_file = \"f\"\n";
        std::fs::write(&path, text).unwrap();
        let config = Config::load(&path).unwrap();
        let (mail, mqtt) = (config.mail.unwrap(), config.mqtt.unwrap());
        let files =
            [config.database_file, mail.ca_file, mail.password_file, mqtt.ca_file, mqtt.password_file];
        for file in files {
            assert_eq!(file, Some(folder.path().join("f")));
        }
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = bo_runtime::config::parse::<Config>(
            Path::new("controller.toml"),
            "data = \"d\"\n[http]\nlisten = \"127.0.0.1:0\"\nlisen = 1\n",
        );
        let error = error.unwrap_err().to_string();
        assert!(error.contains("line 4") && error.contains("lisen"), "{error}");
    }
}
