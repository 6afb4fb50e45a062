//! The control socket in the data directory: how the command line talks to the running agent. One line of JSON
//! each way. Only the user the agent runs as, and root, can open it.

use crate::agent::Agent;
use crate::error::EdgeError;
use crate::operate;
use crate::status::{Status, values};
use bo_model::command::Actor;
use bo_model::settings::Values;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

const MAX_REQUEST: u64 = 64 * 1024;
const MAX_ANSWER: u64 = 64 * 1024 * 1024;
const WITHIN: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(2);
const ORIGIN: &str = "command-line";

/// What can be asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    /// How the agent is: a [`Status`].
    Status,
    /// A device's variables.
    Read {
        /// Id, address, or `system/address`.
        device: String,
    },
    /// Command a device.
    Command {
        /// Id, address, or `system/address`.
        device: String,
        /// The command.
        command: String,
        /// Its parameters.
        params: Values,
    },
    /// End a hold.
    Release {
        /// Id, address, or `system/address`.
        device: String,
        /// What of it.
        target: String,
    },
    /// All triggers with their traces.
    Triggers,
}

/// The answer: what was asked for, or a sentence.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It.
    Ok(Json),
    /// Why not.
    Error(String),
}

/// Where the socket is.
pub fn socket(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// Listens until the end.
pub fn listen(agent: &Arc<Agent>) -> Result<(), EdgeError> {
    let path = socket(&agent.config().data);
    let failed = |source| EdgeError::Listen { address: path.display().to_string(), source };
    // We hold the data directory's lock: a socket that is there is one that was left.
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).map_err(failed)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    let agent = agent.clone();
    agent.shutdown.clone().spawn(async move {
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let (agent, shutdown) = (agent.clone(), agent.shutdown.clone());
                        shutdown.spawn(async move {
                            // Whoever asks something while the agent ends may still get an answer, and nobody keeps it.
                            let ended = async {
                                agent.shutdown.signalled().await;
                                tokio::time::sleep(GRACE).await;
                            };
                            tokio::select! {
                                _ = tokio::time::timeout(WITHIN, serve(&agent, stream)) => {}
                                () = ended => {}
                            }
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "control socket");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                () = agent.shutdown.signalled() => break,
            }
        }
        let _ = std::fs::remove_file(socket(&agent.config().data));
    });
    Ok(())
}

async fn serve(agent: &Agent, stream: UnixStream) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(MAX_REQUEST)).read_line(&mut line).await?;
    let answer = match serde_json::from_str::<Ask>(&line) {
        Ok(ask) => match answer(agent, ask).await {
            Ok(json) => Answer::Ok(json),
            Err(sentence) => Answer::Error(sentence),
        },
        Err(error) => Answer::Error(format!("not a request this agent knows: {error}")),
    };
    let mut text = serde_json::to_vec(&answer).unwrap_or_default();
    text.push(b'\n');
    write.write_all(&text).await
}

async fn answer(agent: &Agent, ask: Ask) -> Result<Json, String> {
    match ask {
        Ask::Status => serde_json::to_value(Status::of(agent).await).map_err(|error| error.to_string()),
        Ask::Read { device } => {
            let device = operate::find(agent, &device)?;
            Ok(json!(values(agent, device.site.id, &device.manifest)))
        }
        Ask::Command { device, command, params } => {
            let device = operate::find(agent, &device)?;
            let stage = operate::command(agent, Actor::Operator, ORIGIN, &device, &command, params).await;
            Ok(json!({"stage": stage, "sentence": operate::sentence(&stage)}))
        }
        Ask::Release { device, target } => {
            let device = operate::find(agent, &device)?;
            match operate::release(agent, Actor::Operator, ORIGIN, &device, &target) {
                true => Ok(json!("released")),
                false => Err(format!("nothing holds `{target}` of {}", device.site.address)),
            }
        }
        Ask::Triggers => {
            let mut shown = json!(agent.triggers.show().await);
            let desired = agent.desired().borrow().clone();
            for trigger in shown.as_array_mut().into_iter().flatten() {
                let system = desired.site.systems.iter().find(|system| trigger["system"] == json!(system.id));
                trigger["system_name"] = json!(system.map(|system| &system.name));
            }
            Ok(shown)
        }
    }
}

/// Asks the agent that runs on `data`.
pub async fn ask(data: &Path, ask: &Ask) -> Result<Json, EdgeError> {
    let path = socket(data);
    let gone = |source| EdgeError::NotRunning { path: path.clone(), source };
    let exchange = async {
        let stream = UnixStream::connect(&path).await?;
        let (read, mut write) = stream.into_split();
        let mut text = serde_json::to_vec(ask).unwrap_or_default();
        text.push(b'\n');
        write.write_all(&text).await?;
        let mut line = String::new();
        BufReader::new(read.take(MAX_ANSWER)).read_line(&mut line).await?;
        Ok(line)
    };
    let late = || std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer within a minute");
    let line = tokio::time::timeout(WITHIN, exchange).await.map_err(|_| gone(late()))?.map_err(gone)?;
    match serde_json::from_str::<Answer>(&line) {
        Ok(Answer::Ok(json)) => Ok(json),
        Ok(Answer::Error(sentence)) => Err(EdgeError::Refused(sentence)),
        Err(error) => Err(EdgeError::Refused(format!("the agent's answer does not read: {error}"))),
    }
}
