//! Load on an edge: measurements that count upwards, published by `mosquitto_pub` for as long as the broker is there.

use crate::demo::PATIENCE;
use anyhow::{Context, Result};
use bo_testkit::wait_for;
use serde_json::json;
use std::io::Write;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// `mosquitto_pub`, publishing each line it is given with quality of service 1.
pub struct Publisher(Child);

impl Publisher {
    /// Connects to a broker on this machine as soon as it is there.
    pub fn start(broker: u16, topic: &str) -> Result<Publisher> {
        wait_for("the broker", PATIENCE, || Ok(Some(TcpStream::connect(("127.0.0.1", broker))?)))?;
        Publisher::connect(broker, topic)
    }

    fn connect(broker: u16, topic: &str) -> Result<Publisher> {
        let mut command = Command::new("mosquitto_pub");
        command.args(["-h", "127.0.0.1", "-p", &broker.to_string(), "-t", topic, "-q", "1", "-l"]);
        command.stdin(Stdio::piped()).stderr(Stdio::null());
        Ok(Publisher(command.spawn().context("cannot start mosquitto_pub")?))
    }

    /// Publishes a message. Fails once the broker is gone.
    pub fn say(&mut self, message: &str) -> Result<()> {
        anyhow::ensure!(self.0.try_wait()?.is_none(), "mosquitto_pub ended");
        let pipe = self.0.stdin.as_mut().context("no pipe")?;
        pipe.write_all(format!("{message}\n").as_bytes())?;
        Ok(pipe.flush()?)
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A sensor that never stops measuring: `temperature` and `people` both count upwards, never the same number twice.
pub struct Load {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    /// Begins, with a pause of `every` between two messages.
    pub fn start(broker: u16, topic: &'static str, every: Duration) -> Load {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (ended, count) = (stop.clone(), sent.clone());
        let thread = std::thread::spawn(move || {
            let mut publisher = None;
            while !ended.load(Ordering::SeqCst) {
                let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                let message = json!({ "temperature": number as f64 / 10.0, "people": number }).to_string();
                let said = match &mut publisher {
                    Some(publisher) => Publisher::say(publisher, &message),
                    none => Publisher::connect(broker, topic).map(|started| *none = Some(started)),
                };
                if said.is_err() {
                    publisher = None; // the edge is dead; its sensor goes on and connects again
                }
                std::thread::sleep(every);
            }
        });
        Load { stop, sent, thread: Some(thread) }
    }

    /// Ends it; how often it measured.
    pub fn stop(mut self) -> u64 {
        self.end();
        self.sent.load(Ordering::SeqCst)
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.end();
    }
}
