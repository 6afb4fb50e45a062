//! One running component with its limits. Every call ends: by returning, by a trap, or by a limit.

use crate::bindings::Driver;
use crate::bindings::backoffice::driver::types::Error as Refusal;
use crate::bindings::exports::backoffice::driver::device as wit;
use crate::engine::{Engine, Loaded, MEMORY_CEILING_MIB};
use crate::error::Fault;
use crate::host::{HostState, Outside, Statuses};
use crate::stack::Stack;
use crate::ticker::TICK;
use bo_model::driver::Manifest;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::time::Duration;
use wasmtime::{Store, UpdateDeadline};

/// Ticks of uninterrupted computing one call may use.
const BUDGET_TICKS: u32 = 100;
/// How long one call may take, waiting included, when nobody waits for its end.
pub(crate) const CALL_LIMIT: Duration = Duration::from_secs(120);
/// Memory of a driver that names none, in MiB.
const DEFAULT_MEMORY_MIB: u32 = 16;

/// A component's instance.
pub(crate) struct Instance {
    store: Store<HostState>,
    driver: Driver,
    engine: Engine,
    /// What its calls run on.
    stack: Option<Arc<Stack>>,
}

/// What a call came to: the driver's own answer, or its end.
pub(crate) type Outcome = Result<Result<(), Refusal>, Fault>;

impl Instance {
    /// Makes an instance; its code has not run yet, but for what its language does at start.
    pub(crate) async fn new(
        engine: &Engine,
        loaded: &Loaded,
        manifest: &Arc<Manifest>,
        outside: Arc<Outside>,
    ) -> Result<Instance, Fault> {
        let wanted = manifest.component.as_ref().and_then(|component| component.memory_mib);
        let mib = wanted.unwrap_or(DEFAULT_MEMORY_MIB).clamp(1, MEMORY_CEILING_MIB);
        let state = HostState::new(outside, Statuses::new(manifest.clone()), mib as usize * 1024 * 1024);
        let mut store = Store::new(engine.wasm(), state);
        store.limiter(|state| state);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut context| {
            let state = context.data_mut();
            if std::mem::take(&mut state.waited) {
                return Ok(UpdateDeadline::Continue(1));
            }
            state.ticks += 1;
            if state.ticks > BUDGET_TICKS {
                return Err(wasmtime::Error::new(Fault::Loop(BUDGET_TICKS as u64 * TICK.as_millis() as u64)));
            }
            // The others of this thread get their turn, however busy this driver is.
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
        });
        let running = engine.ticker().call();
        let mut stack = None;
        let mut making = Box::pin(limited(CALL_LIMIT, loaded.pre.instantiate_async(&mut store)));
        let made = poll_fn(|context| {
            let made = making.as_mut().poll(context);
            stack = stack.take().or_else(Stack::made);
            made
        })
        .await;
        drop(making);
        drop(running);
        match made {
            Ok(Ok(driver)) => Ok(Instance { store, driver, engine: engine.clone(), stack }),
            Ok(Err(error)) => Err(fault(&error, &store)),
            Err(fault) => Err(fault),
        }
    }

    /// Calls `start`.
    pub(crate) async fn start(&mut self, config: &wit::Config) -> Outcome {
        let _running = self.begin(false);
        let call = self.driver.backoffice_driver_device().call_start(&mut self.store, config);
        let outcome = limited(CALL_LIMIT, Box::pin(call)).await;
        self.finish(outcome)
    }

    /// Calls `handle`.
    pub(crate) async fn handle(&mut self, event: &wit::Event) -> Outcome {
        let _running = self.begin(false);
        let call = self.driver.backoffice_driver_device().call_handle(&mut self.store, event);
        let outcome = limited(CALL_LIMIT, call).await;
        self.finish(outcome)
    }

    /// Calls `command`; `within` is what its asker waits, and the call gets a little longer to end by itself.
    pub(crate) async fn command(&mut self, name: &str, params: &str, within: Duration) -> Outcome {
        let _running = self.begin(true);
        let limit = (within + Duration::from_secs(10)).min(CALL_LIMIT);
        let call = self.driver.backoffice_driver_device().call_command(&mut self.store, name, params);
        let outcome = limited(limit, Box::pin(call)).await;
        self.finish(outcome)
    }

    /// Gives back the memory that its calls run on, until the next one.
    #[allow(unsafe_code, reason = "nobody else may call")]
    pub(crate) fn rest(&mut self) {
        if let Some(stack) = &self.stack {
            // SAFETY: whoever has the instance for himself has no call under way, and no other store uses its stack.
            unsafe { stack.give_back() };
        }
    }

    /// What its imports work on.
    pub(crate) fn state(&mut self) -> &mut HostState {
        self.store.data_mut()
    }

    fn begin(&mut self, commanding: bool) -> crate::ticker::Running {
        self.store.set_epoch_deadline(1);
        let state = self.store.data_mut();
        state.ticks = 0;
        state.waited = false;
        state.commanding = commanding;
        self.engine.ticker().call()
    }

    fn finish(&mut self, outcome: Result<wasmtime::Result<Result<(), Refusal>>, Fault>) -> Outcome {
        match outcome {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(fault(&error, &self.store)),
            Err(fault) => Err(fault),
        }
    }
}

async fn limited<T>(limit: Duration, call: impl Future<Output = T>) -> Result<T, Fault> {
    tokio::time::timeout(limit, call).await.map_err(|_| Fault::WallClock(limit.as_secs()))
}

/// Why a call ended badly: a limit of ours, or the trap with what the driver printed before it.
fn fault(error: &wasmtime::Error, store: &Store<HostState>) -> Fault {
    if let Some(fault) = error.downcast_ref::<Fault>() {
        return fault.clone();
    }
    let state = store.data();
    let printed = state.tail.take();
    let last_words = printed.lines().map(str::trim).filter(|line| is_telling(line)).collect::<Vec<_>>();
    let why = match (last_words.is_empty(), error.downcast_ref::<wasmtime::Trap>()) {
        (false, _) => last_words.join(" "),
        (true, Some(trap)) => trap.to_string(),
        (true, None) => format!("{:#}", error.root_cause()),
    };
    Fault::Trap(state.outside.redact(&why))
}

/// Leaves out what a panic prints beside its message.
fn is_telling(line: &str) -> bool {
    !line.is_empty() && !line.starts_with("note: ") && !line.starts_with("stack backtrace")
}

/// An error of the driver's own, in words.
pub(crate) fn words(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Offline(why) => format!("not connected: {why}"),
        Refusal::Timeout => "no reply in time".into(),
        Refusal::Busy => "too many requests are waiting on this link".into(),
        Refusal::Refused(why) | Refusal::Invalid(why) | Refusal::Failed(why) => why.clone(),
        Refusal::Exception(code) => format!("the device refused: Modbus exception {code}"),
        Refusal::Protocol(what) => format!("reply not understood: {what}"),
    }
}
