//! Two masters on a device that takes one connection.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod support;

use bo_link::{LinkError, ModbusOp, ModbusReply};
use bo_link_modbus::share;
use bo_model::release::ModbusShare;
use bo_runtime::Shutdown;
use support::*;
use tokio_modbus::client::{Reader, Writer};

fn config(writes: bool) -> ModbusShare {
    ModbusShare { listen: "127.0.0.1:0".parse().unwrap(), writes }
}

#[tokio::test]
async fn other_masters_read_through_our_one_connection_and_cannot_write_unless_allowed() {
    let device = Device::start(|request| match (request.unit, request.pdu[0]) {
        (7, _) => Answer::Bytes(request.exception(2)),
        (_, 3) => Answer::Bytes(request.addresses()),
        _ => Answer::Bytes(request.frame(&request.pdu)),
    })
    .await;
    let ours = link(&tcp(device.port, 2000));
    let shutdown = Shutdown::new();
    let reading = share(&config(false), ours.clone(), &shutdown).await.unwrap();
    let writing = share(&config(true), ours.clone(), &shutdown).await.unwrap();

    let first = link(&tcp(reading.port(), 2000));
    let mut second = tokio_modbus::client::tcp::connect_slave(reading, tokio_modbus::Slave(3)).await.unwrap();
    let (a, b, c) = tokio::join!(
        poll(&ours, read(1, 10, 2)),
        poll(&first, read(2, 20, 100)),
        second.read_holding_registers(30, 2),
    );
    assert_eq!(a, registers([10, 11]));
    assert_eq!(b, registers(20..120));
    assert_eq!(c.unwrap().unwrap(), [30, 31]);
    assert_eq!(poll(&first, read(7, 0, 1)).await, Err(LinkError::Exception(2)));
    let refused = second.write_single_register(4, 1).await.unwrap();
    assert_eq!(refused, Err(tokio_modbus::ExceptionCode::IllegalFunction));
    assert!(
        device.requests.lock().unwrap().iter().all(|request| request.pdu[0] == 3),
        "no write got through"
    );

    let writer = link(&tcp(writing.port(), 2000));
    let write = ModbusOp::WriteRegisters { unit: 1, address: 4, values: vec![1], multiple: false };
    assert_eq!(command(&writer, write).await, Ok(ModbusReply::Written));
    assert_eq!(device.connected(), 1);
    assert!(shutdown.drain(PATIENCE).await);
}

#[tokio::test]
async fn a_master_is_told_when_the_device_is_away() {
    let device = Device::start(|_| Answer::Silence).await;
    let ours = link(&tcp(device.port, 200));
    let address = share(&config(false), ours, &Shutdown::new()).await.unwrap();
    let master = link(&tcp(address.port(), 5000));
    assert_eq!(poll(&master, read(1, 0, 1)).await, Err(LinkError::Exception(0x0B)));
    device.stop().await;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    // Another unit each time, so that none is left alone.
    for unit in 2.. {
        let result = poll(&master, read(unit, 0, 1)).await;
        if result == Err(LinkError::Exception(0x0A)) {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "still {result:?}");
    }
}
