//! The daemon.

use crate::cli::ConfigFlag;
use crate::config::Config;
use crate::open::{self, Opened};
use crate::{modules, tls, units};
use anyhow::{Context, Result};
use bo_delivery::Senders;
use bo_estate::ingest::Ingest;
use bo_estate::{Estate, Setup};
use bo_identity::Identity;
use bo_runtime::{Shutdown, shutdown::DRAIN};
use bo_uplink::{Enrolment, ExternalBroker, GateConfig, Uplink, UplinkConfig};
use bo_web::app::{App, AppConfig};
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;

/// `backoffice serve`.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    config: ConfigFlag,
    /// Write the addresses it really listens on to this file, as JSON, once everything is up.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

/// Runs until SIGINT or SIGTERM.
pub fn run(options: &Options) -> Result<()> {
    let config = options.config.load()?;
    bo_runtime::logging::init(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(config, options.ready_file.clone()))
}

async fn serve(config: Config, ready_file: Option<PathBuf>) -> Result<()> {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder()?;
    let Opened { db, clock, ids, release_key, audit_key, authority } = open::open(&config)?;
    open::reseal(&db)?;
    let shutdown = Shutdown::new();

    // Listeners first: what can't be had should fail before anything runs.
    let http = listen(config.http.listen, "the console").await?;
    let enroll = listen(config.uplink.enroll_address(), "enrolment").await?;

    let uplink = Uplink::new();
    let release_public = hex::encode(release_key.verifying_key().to_bytes());
    let estate = Estate::open(Setup {
        db: db.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
        release_key,
        uplink: uplink.clone(),
        authority: authority.clone(),
    })?;
    uplink.start(uplink_config(&config)?, &authority, Ingest::new(estate.clone()), &shutdown).await?;
    units::start(&estate, audit_key.clone(), config.history, &shutdown);

    let senders = Senders::new(clock.clone(), config.mail.as_ref(), config.mqtt.as_ref())?;
    shutdown.spawn(bo_delivery::run(db.clone(), Arc::new(senders), shutdown.clone()));
    units::outbox(&db, modules::handlers(), &shutdown);

    let gate = uplink.gate_address();
    let (uplink_host, uplink_port, uplink_name) = config.uplink.of_edges(gate);
    let enrolment = Enrolment { release_key: release_public, uplink_host, uplink_port, uplink_name };
    open::publish_address(&db, config.http.public_url.as_deref())?;
    let identity = Identity::new(bo_identity::Settings {
        public_url: config.http.public_url.clone(),
        parts: &modules::PARTS,
        ..bo_identity::Settings::default()
    });
    print_setup_code(&db)?;
    let secure = config.http.behind_tls || config.http.tls_key_file.is_some();
    let render = recorder.clone();
    let app = |routes| AppConfig {
        name: config.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
        db: db.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
        access: bo_estate::menu::access(&estate, identity.access()),
        secret: [0; 32],
        secure,
        trusted_proxies: config.http.trusted_proxies.clone(),
        nav: modules::navigation(),
        routes,
        metrics: None,
        ready: Vec::new(),
    };
    let console = App::new(AppConfig {
        secret: open::web_secret(&db)?,
        metrics: Some(Arc::new(move || render.render())),
        ..app(modules::routes(&identity, &estate, &enrolment))
    });
    // Gateways enrol at a listener of their own, under this controller's authority; nothing else is served there.
    let door = App::new(app(vec![bo_estate::edges::routes::enrolment_route(&estate, enrolment)]));

    let (http_address, enroll_address) = (http.local_addr()?, enroll.local_addr()?);
    let tls = tls::console(&config.http)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    shutdown.spawn(bo_web::server::serve(http, console.router(), tls, shutdown.clone()));
    let door_tls = tls::enrolment(&authority, &config)?;
    shutdown.spawn(bo_web::server::serve(enroll, door.router(), Some(door_tls), shutdown.clone()));

    let facts = json!({
        "http": format!("{scheme}://{http_address}"),
        "enroll": format!("https://{enroll_address}"),
        "uplink": gate.map(|gate| gate.to_string()),
        "pid": std::process::id(),
    });
    println!("console {scheme}://{http_address}");
    println!("enrolment https://{enroll_address}");
    if let Some(gate) = gate {
        println!("gateways {gate}");
    }
    if let Some(path) = ready_file {
        // Written beside and renamed: whoever waits for the file never reads half of it.
        let beside = path.with_extension("part");
        std::fs::write(&beside, facts.to_string())?;
        std::fs::rename(&beside, &path).with_context(|| format!("cannot write {}", path.display()))?;
    }
    shutdown.wait_for_signal().await?;
    tracing::info!("stopping");
    let drained = shutdown.drain(DRAIN).await;
    units::finish(&estate, &audit_key).await;
    if !drained {
        tracing::warn!("some work did not end in time and was cut off");
    }
    Ok(())
}

async fn listen(address: SocketAddr, what: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{what} can't listen on {address}"))
}

fn uplink_config(config: &Config) -> Result<UplinkConfig> {
    let broker = match &config.uplink.broker {
        None => None,
        Some(broker) => {
            let login = match (&broker.username, &broker.password_file) {
                (Some(name), Some(file)) => {
                    Some((name.clone(), bo_runtime::config::secret("uplink.broker.password_file", file)?))
                }
                _ => None,
            };
            Some(ExternalBroker {
                host: broker.host.clone(),
                port: broker.port,
                tls: tls::client(broker)?,
                login,
                client_id: broker.client_id.clone(),
            })
        }
    };
    let gate = broker.is_none().then(|| GateConfig::at(config.uplink.listen));
    Ok(UplinkConfig { gate, broker, ..UplinkConfig::default() })
}

/// A fresh installation has no account and no default password: whoever can read this output may set it up.
fn print_setup_code(db: &bo_db::Db) -> Result<()> {
    let code = bo_identity::session::secret();
    let asked = code.clone();
    let fresh = db.write_blocking(move |tx| bo_identity::sign_in::setup_code(tx, &asked))?;
    if fresh {
        println!("Nobody can sign in yet. Open /setup in the console and use this one-time code: {code}");
    }
    Ok(())
}
