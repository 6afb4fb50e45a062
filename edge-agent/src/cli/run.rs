//! `run`: the agent as a process.

use super::Where;
use crate::agent::{Agent, lock_data};
use crate::enroll::Identity;
use crate::site::Desired;
use crate::standalone::{self, Source};
use anyhow::Context;
use bo_model::SystemClock;
use bo_runtime::Shutdown;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// What threads get that work for tasks which have ended.
const LAST: Duration = Duration::from_millis(500);
/// When memory is looked through after what runs has changed: once the devices are up, and once they have settled.
const TIDY: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(60)];

pub fn run(place: &Where) -> anyhow::Result<()> {
    let config = place.config()?;
    bo_runtime::logging::init(&config.log);
    let source = match (config.site.clone(), config.drivers.clone()) {
        (Some(site), Some(drivers)) => Some(Source { site, drivers, triggers: config.triggers.clone() }),
        (Some(_), None) => anyhow::bail!("--site needs --drivers, the folder its drivers are in"),
        (None, _) => None,
    };
    let _lock = lock_data(&config.data)?;
    let (runtime, aside) = (runtime("values")?, runtime("aside")?);
    let beside = aside.handle().clone();
    let outcome = runtime.block_on(async move {
        let shutdown = Shutdown::new();
        // From the start on: an agent that is told to end while it begins does so in order, too.
        let mut told = pin!(shutdown.wait_for_signal());
        tokio::select! {
            biased;
            told = &mut told => return told.context("cannot wait for signals"),
            () = std::future::ready(()) => {}
        }
        let agent =
            Agent::start_with(config, Arc::new(SystemClock), shutdown.clone(), beside.clone()).await?;
        crate::control::listen(&agent)?;
        beside.spawn(tidy(agent.desired()));
        let page = agent.clone();
        let page = beside.spawn(async move { crate::local_page::serve(&page).await });
        if let Err(error) = page.await.context("the local page")? {
            // A building runs without its page; the command line still reaches the agent.
            tracing::error!(error = %anyhow::Error::new(error).chain().map(ToString::to_string).collect::<Vec<_>>().join(": "), "there is no local page");
        }
        match (source, Identity::load(&agent.config().data)) {
            (Some(source), identity) => {
                standalone::start(&agent, source).await?;
                tracing::info!(enrolled = identity.is_ok(), "running a site file, without a controller");
            }
            (None, Ok(identity)) => drop(crate::controller::join(&agent, identity).await?),
            (None, Err(error)) => return Err(error.into()),
        }
        told.await.context("cannot wait for signals")?;
        tracing::info!("stopping");
        if !agent.stop().await {
            tracing::warn!("some parts did not stop in time and were aborted");
        }
        Ok(())
    });
    // A thread that hangs in a file or a compilation must not keep the process.
    aside.shutdown_timeout(LAST);
    runtime.shutdown_timeout(LAST);
    outcome
}

/// Gives back what reading and starting took, after the start and after each change.
async fn tidy(mut desired: watch::Receiver<Arc<Desired>>) {
    loop {
        for pause in TIDY {
            tokio::time::sleep(pause).await;
            let _ = tokio::task::spawn_blocking(bo_runtime::memory::give_back).await;
        }
        if desired.changed().await.is_err() {
            return;
        }
    }
}

/// One thread for tasks. A value passes through several small tasks on its way: on one thread they hand it on without waking anybody,
/// and a driver that computes, a page or a broker's other clients have the other thread to themselves.
fn runtime(name: &str) -> anyhow::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(name)
        .enable_all()
        .build()
        .context("cannot start the runtime")
}
