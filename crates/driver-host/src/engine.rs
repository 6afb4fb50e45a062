//! The WebAssembly engine of one process: settings, compiled components.

use crate::bindings::DriverPre;
use crate::cache::Cache;
use crate::error::{Error, Fault};
use crate::grant;
use crate::host::HostState;
use crate::stack::Stacks;
use crate::ticker::Ticker;
use bo_driver_package::Package;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use wasmtime::component::Component;
use wasmtime::{Config, OptLevel, RegallocAlgorithm};

const MIB: usize = 1024 * 1024;

/// How much address space a driver's memory may ever take, in MiB; a manifest can ask for less.
pub(crate) const MEMORY_CEILING_MIB: u32 = 64;

/// Compiles components and holds what instances share. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

struct Shared {
    wasm: wasmtime::Engine,
    ticker: Arc<Ticker>,
    cache: Option<Cache>,
    loaded: Mutex<HashMap<String, Weak<Loaded>>>,
}

/// A driver's component, compiled and linked to what its manifest asks for; instances are made from it.
pub struct Loaded {
    pub(crate) pre: DriverPre<HostState>,
}

impl Engine {
    /// Sets the engine up and starts its ticker. Compiled components are kept in `cache`; without one they are compiled at each
    /// start.
    pub fn new(cache: Option<&Path>) -> Result<Engine, Error> {
        let wasm = wasmtime::Engine::new(&settings()).map_err(|error| Error::Engine(format!("{error:#}")))?;
        let ticker = Ticker::start(wasm.weak()).map_err(|error| Error::Engine(error.to_string()))?;
        let cache = cache.map(Cache::open).transpose()?;
        Ok(Engine(Arc::new(Shared { wasm, ticker, cache, loaded: Mutex::default() })))
    }

    /// Compiles a driver's component, or finds it in memory or on disk. Takes a few hundred milliseconds the first
    /// time: call it where blocking is allowed.
    pub fn load(&self, package: &Package) -> Result<Arc<Loaded>, Error> {
        let driver = &package.manifest.driver.name;
        let (Some(wanted), Some(bytes)) = (&package.manifest.component, &package.component) else {
            return Err(
                bo_driver_package::Error::NoComponent { driver: driver.clone(), looked: Vec::new() }.into()
            );
        };
        if wanted.wit != crate::WIT_VERSION {
            return Err(Error::WitVersion { driver: driver.clone(), wanted: wanted.wit.clone() });
        }
        let capabilities = grant::capabilities(&package.manifest);
        let key = format!("{}{capabilities:?}", package.component_hash);
        if let Some(known) = self.known(&key) {
            return Ok(known);
        }
        let compile =
            |why: wasmtime::Error| Error::Compile { driver: driver.clone(), why: format!("{why:#}") };
        let component = match self.cached(&package.component_hash) {
            Some(component) => component,
            None => {
                let component = Component::new(&self.0.wasm, bytes).map_err(compile)?;
                if let Some(cache) = &self.0.cache {
                    cache.store(&self.0.wasm, &package.component_hash, &component);
                }
                component
            }
        };
        grant::check(&self.0.wasm, &component, &capabilities)
            .map_err(|fault: Fault| Error::NotGranted { driver: driver.clone(), fault })?;
        let linker = grant::linker(&self.0.wasm, &capabilities).map_err(compile)?;
        let pre = linker.instantiate_pre(&component).and_then(DriverPre::new).map_err(compile)?;
        let loaded = Arc::new(Loaded { pre });
        let mut all = self.0.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, weak| weak.strong_count() > 0);
        all.insert(key, Arc::downgrade(&loaded));
        Ok(loaded)
    }

    fn known(&self, key: &str) -> Option<Arc<Loaded>> {
        self.0.loaded.lock().unwrap_or_else(PoisonError::into_inner).get(key)?.upgrade()
    }

    fn cached(&self, hash: &str) -> Option<Component> {
        self.0.cache.as_ref()?.load(&self.0.wasm, hash)
    }

    pub(crate) fn wasm(&self) -> &wasmtime::Engine {
        &self.0.wasm
    }

    pub(crate) fn ticker(&self) -> &Arc<Ticker> {
        &self.0.ticker
    }
}

/// Epochs, not fuel: fuel costs another quarter of the speed. Memories reserve little and bounds are checked in code, so that a
/// thousand devices fit the 39-bit address space of small ARM gateways. Instances are made on demand: a pool starts a device
/// 4 µs sooner and takes 8 KiB more for each.
fn settings() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .concurrency_support(false)
        .cranelift_opt_level(OptLevel::SpeedAndSize)
        .memory_reservation((MEMORY_CEILING_MIB as usize * MIB) as u64)
        .memory_reservation_for_growth(0)
        .memory_guard_size(64 * 1024)
        .memory_may_move(false)
        .max_wasm_stack(256 * 1024)
        .async_stack_size(512 * 1024)
        .with_host_stack(Arc::new(Stacks));
    // An unoptimised build of this program compiles drivers slowly; it also runs them slowly anyway.
    if cfg!(debug_assertions) {
        config
            .cranelift_opt_level(OptLevel::None)
            .cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
    }
    config
}
