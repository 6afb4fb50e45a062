//! The WIT world as Rust types, made at build time from `drivers/wit`.

#![allow(missing_docs, reason = "the WIT files are the documentation")]

wit_bindgen::generate!({
    path: "../wit/0.1",
    world: "driver",
    pub_export_macro: true,
    export_macro_name: "export_driver",
    default_bindings_module: "backoffice_driver::bindings",
});
