//! The WIT world as Rust types. Made in this one place, so that another version of the interface is another
//! module beside it.

wasmtime::component::bindgen!({
    path: "../../drivers/wit/0.1",
    world: "driver",
    imports: {
        "backoffice:driver/host.log": trappable,
        "backoffice:driver/host.publish": trappable,
        "backoffice:driver/host.publish-all": trappable,
        "backoffice:driver/host.publish-bad": trappable,
        "backoffice:driver/bytes": async,
        "backoffice:driver/modbus": async,
        "backoffice:driver/mqtt": async,
        "backoffice:driver/http": async,
        "backoffice:driver/system.command": async,
    },
    exports: { default: async },
});
