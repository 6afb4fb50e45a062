//! Drivers written as WebAssembly text, for tests of what a driver may do to its gateway: four that misbehave in the ways
//! there are, and whatever else a test writes.

use crate::root;
use anyhow::{Context, Result};

/// A driver as the bodies of its three functions. Each leaves a pointer to its result: 0 points at zeroed memory,
/// which spells `ok`. They may call `$log_line`, `$lines` (500 of them), `$publish_count`, `$values` (500 of them) and
/// `$mqtt_subscribe`.
#[derive(Clone, Copy, Debug)]
pub struct Guest {
    /// Body of `start`.
    pub start: &'static str,
    /// Body of `handle`.
    pub handle: &'static str,
    /// Body of `command`.
    pub command: &'static str,
    /// Kind of its link in the manifest.
    pub link: &'static str,
}

/// Body of a function that does nothing.
pub const NOTHING: &str = "(i32.const 0)";
/// One that publishes `count`, 7.
pub const PUBLISHES: &str = "(call $publish_count) (i32.const 0)";
/// One that gives up.
pub const TRAPS: &str = "unreachable";
/// One that never comes to an end.
pub const LOOPS: &str = "(loop (br 0)) (i32.const 0)";
/// One that takes more and more memory.
pub const SWELLS: &str = "(loop (drop (memory.grow (i32.const 16))) (br 0)) (i32.const 0)";
/// One that says 3000 things at once.
pub const CHATTERS: &str =
    "(call $lines) (call $lines) (call $lines) (call $lines) (call $lines) (call $lines) (i32.const 0)";

/// A driver that behaves: each command publishes `count`.
pub const WELL_BEHAVED: Guest = Guest { start: NOTHING, handle: NOTHING, command: PUBLISHES, link: "none" };

impl Guest {
    /// Its manifest: an integer `count`, a command `go`, and 4 MiB of memory.
    pub fn manifest(&self, name: &str) -> String {
        format!(
            "[driver]\nname = \"{name}\"\nversion = \"1.0.0\"\ntitle = \"Guest\"\nkind = \"hardware\"\nmodule = \"Guest\"\n\
             [link]\nkind = \"{}\"\n[component]\nfile = \"component.wasm\"\nwit = \"0.1\"\nmemory_mib = 4\n\
             [status.count]\ntype = \"integer\"\n[command.go]\n",
            self.link
        )
    }

    /// Its component.
    ///
    /// # Errors
    /// When a body is no WebAssembly text.
    pub fn component(&self) -> Result<Vec<u8>> {
        let bodies = [self.start, self.handle, self.command].concat();
        let mqtt =
            r#"(import "backoffice:driver/mqtt@0.1.0" "subscribe" (func $subscribe (param i32 i32 i32)))"#;
        let subscribe =
            "(func $mqtt_subscribe (call $subscribe (i32.const 1024) (i32.const 5) (i32.const 2048)))";
        let uses_mqtt = bodies.contains("$mqtt_subscribe");
        let text = format!(
            r#"(module
            (import "backoffice:driver/host@0.1.0" "log" (func $log (param i32 i32 i32)))
            (import "backoffice:driver/host@0.1.0" "publish" (func $publish (param i32 i32 i32 i64 i32)))
            {}
            (memory (export "memory") 1)
            (data (i32.const 1024) "count")
            (global $free (mut i32) (i32.const 4096))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (global.get $free)
                (global.set $free (i32.and (i32.add (i32.add (global.get $free) (local.get 3)) (i32.const 7)) (i32.const 0xfff8))))
            (func $log_line (call $log (i32.const 1) (i32.const 1024) (i32.const 5)))
            (func $publish_count
                (call $publish (i32.const 1024) (i32.const 5) (i32.const 2) (i64.const 7) (i32.const 0)))
            (func $lines (local $left i32) (local.set $left (i32.const 500))
                (loop (call $log_line) (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))
            (func $values (local $left i32) (local.set $left (i32.const 500))
                (loop (call $publish_count) (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))
            {}
            (func (export "backoffice:driver/device@0.1.0#start") (param i32 i32 i32 i32) (result i32) {})
            (func (export "backoffice:driver/device@0.1.0#handle") {} (result i32) {})
            (func (export "backoffice:driver/device@0.1.0#command") (param i32 i32 i32 i32) (result i32) {}))"#,
            if uses_mqtt { mqtt } else { "" },
            if uses_mqtt { subscribe } else { "" },
            self.start,
            HANDLE_PARAMS,
            self.handle,
            self.command
        );
        let mut module = wat::parse_str(&text)?;
        let mut resolve = wit_parser::Resolve::default();
        let wit = root().join("drivers/wit/0.1");
        let (package, _) = resolve.push_dir(&wit).with_context(|| wit.display().to_string())?;
        let world = resolve.select_world(&[package], Some("driver"))?;
        let encoding = wit_component::StringEncoding::UTF8;
        wit_component::embed_component_metadata(&mut module, &resolve, world, encoding)?;
        wit_component::ComponentEncoder::default().module(&module)?.encode()
    }
}

/// `handle`'s flattened event: its case, and the widest of its payloads.
const HANDLE_PARAMS: &str = "(param i32 i32 i32 i32 i32 i32 i64 i32 i32)";
