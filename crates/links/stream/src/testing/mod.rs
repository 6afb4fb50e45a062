//! Peers for the tests of the links above: a pair of serial ports, a listener that can come back on its port, and TLS
//! servers with a CA of their own.
#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod authority;

pub use authority::Authority;

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::Instant;

/// Longer than anything in a test takes unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Listens on loopback. Port 0 takes one that stays this process's own, so that it can be taken again at once after a
/// cut: no client's connection sits on it meanwhile, nor does a link that knocks at it reach itself.
pub fn listen(port: u16) -> TcpListener {
    let port = if port == 0 { bo_testkit::free_port().unwrap() } else { port };
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(([127, 0, 0, 1], port).into()).unwrap();
    socket.listen(16).unwrap()
}

/// Two serial ports joined back to back by `socat`.
pub struct Pty {
    child: Child,
    /// The end for the link.
    pub ours: PathBuf,
    /// The end for the device.
    pub theirs: PathBuf,
}

impl Pty {
    /// `folder` holds the two names, the same after each start.
    pub async fn plug(folder: &Path) -> Pty {
        let (ours, theirs) = (folder.join("ours"), folder.join("theirs"));
        let end = |path: &Path| format!("pty,raw,echo=0,link={}", path.display());
        let child =
            Command::new("socat").args([end(&ours), end(&theirs)]).spawn().expect("socat is installed");
        let pty = Pty { child, ours, theirs };
        let deadline = Instant::now() + PATIENCE;
        while !(pty.ours.exists() && pty.theirs.exists()) {
            assert!(Instant::now() < deadline, "socat made no ports");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        pty
    }

    /// Pulls the cable: both ports go away.
    pub fn unplug(mut self) {
        self.pull();
    }

    fn pull(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Killed, socat leaves its links behind; a real port's name goes away too.
        let _ = std::fs::remove_file(&self.ours);
        let _ = std::fs::remove_file(&self.theirs);
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        self.pull();
    }
}
