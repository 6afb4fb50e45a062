//! `backoffice broker`: what an external broker needs to carry gateways: certificates of this controller's authority, and
//! a configuration for Mosquitto that confines each gateway to its own topics.

use crate::cli::ConfigFlag;
use crate::open;
use anyhow::{Context, Result};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The user the controller is at the broker: the common name of its certificate.
const CONTROLLER: &str = "backoffice-controller";

/// Which broker, and where to.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  \
    backoffice broker --config controller.toml broker.example.org --out broker\n  \
    mosquitto -c broker/mosquitto.conf\n\n\
    Then name it in controller.toml; the command prints the section to add. EMQX, HiveMQ and NATS are set up alike: client\n\
    certificates of `ca.pem`, their common name as user name, and the two patterns of `acl` for each of them.")]
pub struct Options {
    #[command(flatten)]
    config: ConfigFlag,
    /// Host name or address gateways and this controller reach the broker at; it stands in the broker's certificate.
    name: String,
    /// The port it listens on.
    #[arg(long, default_value_t = 8883)]
    port: u16,
    /// Folder to write to; keys in it are readable for their owner alone.
    #[arg(long, value_name = "DIR", default_value = "broker")]
    out: PathBuf,
}

/// Writes the folder.
pub fn run(options: &Options) -> Result<()> {
    let authority = open::open(&options.config.load()?)?.authority;
    let (name, port) = (&options.name, options.port);
    let (chain, key) = authority.server(std::slice::from_ref(name))?;
    let (certificate, controller_key) = authority.client(CONTROLLER)?;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o750).create(&options.out);
    made.with_context(|| format!("cannot make {}", options.out.display()))?;
    let out = options.out.canonicalize()?;
    let at = |file: &str| out.join(file).display().to_string();
    let configuration = format!(
        "# Made by `backoffice broker`. Only certificates of this controller's authority are let in; their common name is\n\
         # the user name, and `acl` confines each to its own topics.\n\
         listener {port}\ncafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\nuse_identity_as_username true\n\
         acl_file {}\nallow_anonymous false\npersistence false\nset_tcp_nodelay true\nmax_packet_size {}\n",
        at("ca.pem"),
        at("broker.pem"),
        at("broker.key"),
        at("acl"),
        bo_wire::MAX_PAYLOAD + 1024,
    );
    let acl = format!(
        "user {CONTROLLER}\ntopic read bo/1/+/up/#\ntopic write bo/1/+/down/#\n\n\
         pattern write bo/1/%u/up/#\npattern read bo/1/%u/down/#\n"
    );
    let files = [
        ("ca.pem", authority.pem(), 0o644),
        ("broker.pem", chain.as_str(), 0o644),
        ("broker.key", key.as_str(), 0o600),
        ("controller.pem", certificate.as_str(), 0o644),
        ("controller.key", controller_key.as_str(), 0o600),
        ("mosquitto.conf", configuration.as_str(), 0o644),
        ("acl", acl.as_str(), 0o600),
    ];
    for (file, text, mode) in files {
        write(&out.join(file), text, mode)?;
    }
    println!("[uplink.broker]\nhost = {name:?}\nport = {port}");
    for (key, file) in
        [("ca_file", "ca.pem"), ("certificate_file", "controller.pem"), ("key_file", "controller.key")]
    {
        println!("{key} = {:?}", at(file));
    }
    Ok(())
}

fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    let opened = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path);
    let written = opened.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
    written.with_context(|| format!("cannot write {}", path.display()))
}
