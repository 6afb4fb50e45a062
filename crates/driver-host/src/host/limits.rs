//! How much of the gateway's memory one instance may take: pages of its own, and what the engine keeps for it.

use super::HostState;
use crate::error::Fault;
use wasmtime::ResourceLimiter;

/// Places in one table; the largest shipped driver has under a hundred.
const TABLE: usize = 10_000;
/// Tables. A driver has two: its own, and that of its imports.
const TABLES: usize = 8;
/// Modules a component is made of; a driver has three.
const INSTANCES: usize = 16;

impl ResourceLimiter for HostState {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        if desired > self.memory_limit {
            return Err(wasmtime::Error::new(Fault::Memory((self.memory_limit / 1024 / 1024) as u64)));
        }
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE)
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        1
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "these are tests")]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::host::{Outside, Statuses};
    use crate::links::Links;
    use crate::sink::{DeviceState, Level, Sink};
    use bo_model::driver::Manifest;
    use bo_model::{DeviceId, IdGen, SystemClock, Value};
    use std::sync::Arc;
    use wasmtime::Store;
    use wasmtime::component::{Component, Linker};

    struct Deaf;

    impl Sink for Deaf {
        fn publish(&self, _: DeviceId, _: &Arc<str>, _: Value) {}
        fn state(&self, _: DeviceId, _: DeviceState) {}
        fn log(&self, _: DeviceId, _: Level, _: &str) {}
    }

    /// Starts a component of `instances` times a module with this body; the error is why it does not start.
    async fn start(body: &str, instances: usize) -> Result<(), String> {
        let clock = Arc::new(SystemClock);
        let outside = Outside {
            device: IdGen::new(clock.clone(), 1).make(),
            sink: Arc::new(Deaf),
            clock,
            links: Links::default(),
            unit: 1,
            secrets: Vec::new(),
        };
        let manifest = "[driver]\nname = \"g\"\nversion = \"1.0.0\"\ntitle = \"G\"\nkind = \"hardware\"\nmodule = \"G\"\n[link]\nkind = \"none\"\n";
        let manifest = Arc::new(Manifest::parse(manifest).unwrap());
        let state = HostState::new(Arc::new(outside), Statuses::new(manifest), 4 * 1024 * 1024);
        let engine = Engine::new(None).unwrap();
        let made = "(core instance (instantiate $m))".repeat(instances);
        let text = format!("(component (core module $m {body}) {made})");
        let component = Component::new(engine.wasm(), wat::parse_str(text).unwrap()).unwrap();
        let mut store = Store::new(engine.wasm(), state);
        store.limiter(|state| state);
        store.set_epoch_deadline(u64::MAX / 2);
        let made = Linker::new(engine.wasm()).instantiate_async(&mut store, &component).await;
        made.map(drop).map_err(|error| format!("{error:#}"))
    }

    #[tokio::test]
    async fn a_driver_has_as_many_instances_as_drivers_need_and_no_more() {
        assert_eq!(start("", INSTANCES).await, Ok(()));
        let why = start("", INSTANCES + 1).await.unwrap_err();
        assert!(why.contains("instance"), "{why}");
    }

    #[tokio::test]
    async fn a_driver_has_as_many_tables_as_drivers_need_and_no_more() {
        assert_eq!(start(&"(table 1 funcref)".repeat(TABLES), 1).await, Ok(()));
        let why = start(&"(table 1 funcref)".repeat(TABLES + 1), 1).await.unwrap_err();
        assert!(why.contains("table"), "{why}");
        assert!(start("(table 1 funcref)", TABLES + 1).await.is_err(), "they count over all instances");
    }

    #[tokio::test]
    async fn a_table_begins_and_grows_to_its_limit_and_no_further() {
        assert_eq!(start("(table 10000 funcref)", 1).await, Ok(()));
        assert!(start("(table 10001 funcref)", 1).await.is_err());
        let grow = |by: usize, answer: i32| {
            format!(
                "(if (i32.ne (table.grow $t (ref.null func) (i32.const {by})) (i32.const {answer})) (then unreachable))"
            )
        };
        let grows = [grow(TABLE, -1), grow(TABLE - 1, 1), grow(1, -1)].concat();
        let body = format!("(table $t 1 funcref) (func $go {grows}) (start $go)");
        assert_eq!(start(&body, 1).await, Ok(()));
    }

    #[tokio::test]
    async fn a_driver_has_one_memory_of_the_size_its_manifest_says() {
        assert_eq!(start("(memory 64)", 1).await, Ok(()));
        let why = start("(memory 65)", 1).await.unwrap_err();
        assert!(why.contains(&Fault::Memory(4).to_string()), "{why}");
        let why = start("(memory 1)", 2).await.unwrap_err();
        assert!(why.contains("memor"), "{why}");
    }
}
