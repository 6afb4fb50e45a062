//! The link against independent peers: pymodbus over TCP and over a serial line, tokio-modbus with RTU frames over TCP.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod support;

use bo_link::{LinkError, LinkState, ModbusOp, ModbusReply};
use bo_link_modbus::{Learned, Points, Poll, Proof, WearLedger, WriteError, WriteOptions, Writer};
use bo_model::points::Table;
use bo_model::release::LinkConfig;
use bo_model::{Data, Reason, Time, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use support::*;
use tokio::time::Instant;

/// Everything a device of pymodbus is asked, over any transport.
async fn all_functions(link: &Link) {
    let read_table = |table, count| ModbusOp::Read { unit: 1, table, address: 10, count };
    assert_eq!(poll(link, read_table(Table::Holding, 125)).await, registers(10..135));
    assert_eq!(poll(link, read_table(Table::Input, 3)).await, registers(1010..1013));
    let odd = |count: u16| Ok(ModbusReply::Bits((10..10 + count).map(|n| n % 2 == 1).collect()));
    assert_eq!(poll(link, read_table(Table::Coil, 11)).await, odd(11));
    assert_eq!(poll(link, read_table(Table::Discrete, 9)).await, odd(9));
    for (values, multiple) in [(vec![7], false), (vec![8], true), (vec![1, 2, 3], false)] {
        let expected = values.clone();
        let count = values.len() as u16;
        let op = ModbusOp::WriteRegisters { unit: 3, address: 20, values, multiple };
        assert_eq!(command(link, op).await, Ok(ModbusReply::Written));
        assert_eq!(poll(link, read(3, 20, count)).await, registers(expected));
    }
    for (values, multiple) in [(vec![true], false), (vec![false], true), (vec![true; 11], false)] {
        let expected = values.clone();
        let count = values.len() as u16;
        let op = ModbusOp::WriteCoils { unit: 3, address: 20, values, multiple };
        assert_eq!(command(link, op).await, Ok(ModbusReply::Written));
        let back = ModbusOp::Read { unit: 3, table: Table::Coil, address: 20, count };
        assert_eq!(poll(link, back).await, Ok(ModbusReply::Bits(expected)));
    }
    let mask = ModbusOp::MaskWrite { unit: 3, address: 20, and: 0xFFFE, or: 0x0100 };
    assert_eq!(command(link, mask.clone()).await, Ok(ModbusReply::Written));
    assert_eq!(poll(link, read(3, 20, 1)).await, registers([0]), "it held 1, and `or` acts where `and` is 0");
    let set = ModbusOp::MaskWrite { unit: 3, address: 20, and: 0x00FF, or: 0x1200 };
    assert_eq!(command(link, set).await, Ok(ModbusReply::Written));
    let both = ModbusOp::WriteRead {
        unit: 3,
        write_address: 21,
        values: vec![77, 88],
        read_address: 20,
        read_count: 3,
    };
    assert_eq!(command(link, both).await, registers([0x1200, 77, 88]));
    assert_eq!(poll(link, read(1, 490, 20)).await, Err(LinkError::Exception(2)));
    let Ok(ModbusReply::Identity(identity)) = poll(link, ModbusOp::Identify { unit: 1 }).await else {
        panic!("no identity")
    };
    assert!(identity.contains(&(0, "Acme".into())) && identity.contains(&(2, "2.3".into())), "{identity:?}");
}

#[tokio::test]
async fn a_pymodbus_device_over_tcp_understands_every_function() {
    if !pymodbus_is_there() {
        return;
    }
    let peer = Peer::start(&["tcp"]);
    all_functions(&link(&tcp(peer.port, 2000))).await;
}

#[tokio::test]
async fn a_pymodbus_device_on_a_serial_line_understands_every_function_and_comes_back_after_unplugging() {
    if !pymodbus_is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let pty = Pty::plug(folder.path()).await;
    let peer = Peer::start(&["rtu", pty.theirs.to_str().unwrap()]);
    let link = link(&rtu(&pty.ours));
    all_functions(&link).await;

    drop(peer);
    pty.unplug();
    state(&link, |state| matches!(state, LinkState::Down(_))).await;
    assert!(matches!(poll(&link, read(1, 0, 1)).await, Err(LinkError::Offline(_))));
    let pty = Pty::plug(folder.path()).await;
    let _peer = Peer::start(&["rtu", pty.theirs.to_str().unwrap()]);
    assert_eq!(until_it_answers(&link, read(1, 3, 2)).await, ModbusReply::Registers(vec![3, 4]));
}

struct Addresses;

impl tokio_modbus::server::Service for Addresses {
    type Request = tokio_modbus::SlaveRequest<'static>;
    type Response = Option<tokio_modbus::Response>;
    type Exception = tokio_modbus::ExceptionCode;
    type Future = std::future::Ready<Result<Self::Response, Self::Exception>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        use tokio_modbus::{ExceptionCode, Request, Response};
        std::future::ready(match (request.slave, request.request) {
            (9, _) => Ok(None),
            (_, Request::ReadHoldingRegisters(address, count)) if address < 1000 => {
                Ok(Some(Response::ReadHoldingRegisters((address..address + count).collect())))
            }
            (_, Request::WriteSingleRegister(address, value)) => {
                Ok(Some(Response::WriteSingleRegister(address, value)))
            }
            _ => Err(ExceptionCode::IllegalDataAddress),
        })
    }
}

#[tokio::test]
async fn rtu_frames_over_tcp_are_spoken_with_tokio_modbus() {
    use tokio_modbus::server::rtu_over_tcp::{Server, accept_tcp_connection};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let connected =
            |stream, address| async move { accept_tcp_connection(stream, address, |_| Ok(Some(Addresses))) };
        Server::new(listener).serve(&connected, |_| {}).await
    });
    let config = LinkConfig::ModbusTcp {
        host: "127.0.0.1".into(),
        port,
        rtu_framing: true,
        tls: None,
        timing: timing(200),
    };
    let link = link(&config);
    assert_eq!(poll(&link, read(1, 100, 125)).await, registers(100..225));
    assert_eq!(poll(&link, read(9, 0, 1)).await, Err(LinkError::Timeout));
    assert_eq!(poll(&link, read(1, 2000, 1)).await, Err(LinkError::Exception(2)));
    let write = ModbusOp::WriteRegisters { unit: 4, address: 1, values: vec![9], multiple: false };
    assert_eq!(command(&link, write).await, Ok(ModbusReply::Written));
    server.abort();
}

const PROFILE: &str = r#"
[poll.fast]
every = "1s"
[point.voltage]
address = 230
scale = 0.1
[point.power]
address = 40
scale_point = "power_sf"
[point.power_sf]
address = 2
type = "sunssf"
[point.running]
table = "coil"
address = 7
[point.limit]
address = 60
scale = 0.5
write = true
min = 0
max = 100
wear = "flash"
daily_budget = 2
[point.beyond]
address = 499
type = "u32"
[point.mode]
address = 70
write = true
[point.flag]
address = 80
type = "bool"
bit = 4
write = true
"#;

#[tokio::test]
async fn a_profile_is_polled_and_written_with_proof_and_a_worn_out_point_is_refused() {
    if !pymodbus_is_there() {
        return;
    }
    let peer = Peer::start(&["tcp"]);
    let link = link(&tcp(peer.port, 2000));
    let points =
        Arc::new(Points::new(&toml::from_str(PROFILE).unwrap(), None, |name| name != "power_sf").unwrap());
    let mut device = Poll::new(points.clone(), 1, Learned::default(), 1, Instant::now());
    let mut values: BTreeMap<String, Value> = BTreeMap::new();
    loop {
        let due = device.due(Instant::now());
        if due.is_empty() {
            break;
        }
        for request in due {
            let result = poll(&link, request.op.clone()).await;
            let mut out = Vec::new();
            device.apply(&request, &result, Instant::now(), Time(5), &mut out);
            values.extend(out.into_iter().map(|r| (device.statuses()[r.status].to_string(), r.value)));
        }
    }
    assert_eq!(values["voltage"], Value::good(23.0, Time(5)));
    assert_eq!(values["power"], Value::good(4000.0, Time(5)));
    assert_eq!(values["running"], Value::good(true, Time(5)));
    assert_eq!(
        values["beyond"],
        Value::bad(Reason::Exception(2), Time(5)),
        "it reaches over the device's end"
    );
    assert!(!values.contains_key("power_sf"));

    let wear = Mutex::new(WearLedger::default());
    let writer = Writer { handle: &link, unit: 1, points: &points, wear: &wear };
    let write = |name: &'static str, data: Data| async move {
        writer.write(name, &data, WriteOptions::default(), Time(0)).await
    };
    let written = write("limit", Data::Float(49.5)).await.unwrap();
    assert_eq!((written.proof, written.worn), (Proof::ReadBack(Data::Float(49.5)), true));
    let again = write("limit", Data::Float(49.5)).await.unwrap();
    assert_eq!((again.proof, again.worn), (Proof::Unchanged(Data::Float(49.5)), false));
    write("limit", Data::Int(10)).await.unwrap();
    let refused = write("limit", Data::Int(20)).await.unwrap_err();
    assert!(refused.sentence().contains("written 2 times today"), "{}", refused.sentence());
    assert_eq!(poll(&link, read(1, 60, 1)).await, registers([20]), "the register still holds 10 in halves");
    let above = write("limit", Data::Int(101)).await.unwrap_err();
    assert!(
        matches!(&above, WriteError::Value { what, .. } if what.contains("above the maximum")),
        "{above}"
    );
    assert_eq!(write("mode", Data::Int(3)).await.unwrap().proof, Proof::ReadBack(Data::Int(3)));
    write("flag", Data::Bool(false)).await.unwrap();
    assert_eq!(poll(&link, read(1, 80, 1)).await, registers([80 & !(1 << 4)]), "other bits stay");
    assert_eq!(write("voltage", Data::Int(1)).await, Err(WriteError::ReadOnly("voltage".into())));
}
