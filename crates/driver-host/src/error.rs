//! What can go wrong: with a package ([`Error`]), with a running driver ([`Fault`]), with one command
//! ([`CommandError`]).

use bo_model::command::Stage;
use std::path::PathBuf;

/// A driver could not be read or compiled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its files are wrong.
    #[error(transparent)]
    Package(#[from] bo_driver_package::Error),
    /// A file can't be written.
    #[error("can't write {path}")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The component is no WebAssembly component, or not one this host can run.
    #[error("driver `{driver}`: the component can't be compiled: {why}")]
    Compile {
        /// Which driver.
        driver: String,
        /// What the compiler says.
        why: String,
    },
    /// The component imports what it is not given.
    #[error("driver `{driver}`: {fault}")]
    NotGranted {
        /// Which driver.
        driver: String,
        /// What it wants, and why it does not get it.
        fault: Fault,
    },
    /// The manifest names an interface version this host does not speak.
    #[error(
        "driver `{driver}` was built for interface version {wanted}; this gateway speaks {}",
        crate::WIT_VERSION
    )]
    WitVersion {
        /// Which driver.
        driver: String,
        /// What it wants.
        wanted: String,
    },
    /// The engine can't be set up on this machine.
    #[error("the WebAssembly engine can't start: {0}")]
    Engine(String),
}

/// Why a running driver was ended, for the person who looks at its device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The code gave up: panic, unreachable, out of bounds, stack overflow.
    #[error("the driver crashed: {0}")]
    Trap(String),
    /// It computed without end.
    #[error("the driver used more than {0} ms of processor time in one call")]
    Loop(u64),
    /// It wanted too much memory.
    #[error("the driver asked for more than its {0} MiB of memory")]
    Memory(u64),
    /// One call took too long, waiting included.
    #[error("one call of the driver took longer than {0} s")]
    WallClock(u64),
    /// It wrote to its log without end.
    #[error("the driver floods its log")]
    LogFlood,
    /// It published values without end.
    #[error("the driver publishes more values than {0} a second")]
    PublishFlood(u32),
    /// It calls what it was not given.
    #[error("the driver uses `{0}`, which {1}")]
    NotGranted(String, String),
    /// The settings do not fit the manifest.
    #[error("settings: {0}")]
    Settings(String),
    /// `start` returned an error.
    #[error("the driver could not start: {0}")]
    Start(String),
    /// The component can't be loaded.
    #[error("{0}")]
    Load(String),
}

impl Fault {
    /// True when trying again can't help: only another release can.
    pub fn is_permanent(&self) -> bool {
        matches!(self, Fault::NotGranted(..) | Fault::Settings(_) | Fault::Load(_))
    }
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Trying again will not change it: no such command, wrong parameter, the device said no.
    #[error("{0}")]
    Refused(String),
    /// It was tried and failed.
    #[error("{0}")]
    Failed(String),
    /// No answer before the deadline.
    #[error("timed out waiting for {0}")]
    TimedOut(String),
}

impl CommandError {
    /// As the final step of the evidence chain.
    pub fn stage(self) -> Stage {
        match self {
            CommandError::Refused(why) => Stage::Refused { why },
            CommandError::Failed(why) => Stage::Failed { why },
            CommandError::TimedOut(waiting_for) => Stage::TimedOut { waiting_for },
        }
    }
}
