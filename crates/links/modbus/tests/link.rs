//! The link against a device that misbehaves on purpose.

#![allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod support;

use bo_link::{LinkError, LinkState, ModbusOp, ModbusReply};
use std::time::Duration;
use support::*;

#[tokio::test]
async fn a_cut_cable_is_seen_and_the_link_comes_back_by_itself() {
    let device = Device::start(|request| Answer::Bytes(request.addresses())).await;
    let port = device.port;
    let link = link(&tcp(port, 300));
    assert_eq!(poll(&link, read(1, 10, 3)).await, registers([10, 11, 12]));
    device.stop().await;
    let why = state(&link, |state| matches!(state, LinkState::Down(_))).await;
    assert!(format!("{why:?}").contains("refused"), "{why:?}");
    let error = poll(&link, read(1, 10, 3)).await.unwrap_err();
    assert!(matches!(error, LinkError::Offline(_)), "{error}");
    let device = Device::start_on(port, |request| Answer::Bytes(request.addresses())).await;
    assert_eq!(until_it_answers(&link, read(1, 5, 1)).await, ModbusReply::Registers(vec![5]));
    assert_eq!(link.health().borrow().state, LinkState::Up);
    device.stop().await;
}

#[tokio::test]
async fn modbus_over_tls_is_verified_and_shows_the_client_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, other) = (Authority::new("Ours"), Authority::new("Other"));
    let device = Device::start(|request| Answer::Bytes(request.addresses())).await;
    let mut ports = Vec::new();
    for authority in [&ours, &other] {
        let (listener, acceptor) = (listen(0), authority.acceptor("localhost", Some(&ours)));
        ports.push(listener.local_addr().unwrap().port());
        let behind = device.port;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut secured) = acceptor.accept(stream).await else { continue };
                let mut plain = tokio::net::TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut secured, &mut plain).await;
            }
        });
    }
    let (certificate, key) = ours.client(folder.path(), "edge");
    let secured = |port| bo_model::release::LinkConfig::ModbusTcp {
        host: "localhost".into(),
        port,
        rtu_framing: false,
        tls: Some(bo_model::release::TlsClient {
            ca_file: Some(ours.file(folder.path())),
            client_cert_file: Some(certificate.clone()),
            client_key_file: Some(key.clone()),
            ..Default::default()
        }),
        timing: timing(2000),
    };
    assert_eq!(poll(&link(&secured(ports[0])), read(1, 10, 2)).await, registers([10, 11]));
    let foreign = link(&secured(ports[1]));
    let why = state(&foreign, |state| matches!(state, LinkState::Down(_))).await;
    assert!(format!("{why:?}").contains("UnknownIssuer"), "{why:?}");
}

#[tokio::test]
async fn a_bit_of_a_shared_register_is_written_in_one_step_where_the_device_can() {
    use bo_link_modbus::{Points, Proof, WearLedger, WriteOptions, Writer};
    let profile = "[point.alarm]\naddress = 4\ntype = \"bool\"\nbit = 3\nwrite = true\nwrite_mask = true";
    let points = Points::new(&toml::from_str(profile).unwrap(), None, |_| true).unwrap();
    let device = Device::start(|request| match request.pdu[0] {
        22 => Answer::Bytes(request.frame(&request.pdu)),
        _ => Answer::Bytes(request.frame(&[3, 2, 0xFF, 0xFF])),
    })
    .await;
    let link = link(&tcp(device.port, 500));
    let writer = Writer { handle: &link, unit: 1, points: &points, wear: &WearLedger::default().into() };
    let now = bo_model::Time::from_seconds(0);
    let on = writer.write("alarm", &bo_model::Data::Bool(true), WriteOptions::default(), now).await.unwrap();
    assert_eq!(on.proof, Proof::ReadBack(bo_model::Data::Bool(true)));
    let asked = device.requests.lock().unwrap();
    assert_eq!(asked[0].pdu, [22, 0, 4, 0xFF, 0xF7, 0x00, 0x08], "nothing was read before");
}

#[tokio::test]
async fn a_device_that_stops_answering_on_an_open_connection_is_connected_to_anew() {
    let mut count = 0;
    let device = Device::start(move |request| {
        count += 1;
        // As after a cut cable: the connection stands, nothing comes.
        if (2..=4).contains(&count) { Answer::Silence } else { Answer::Bytes(request.addresses()) }
    })
    .await;
    let link = link(&tcp(device.port, 200));
    poll(&link, read(1, 1, 1)).await.unwrap();
    for unit in [1, 1, 2] {
        assert_eq!(command(&link, read(unit, 1, 1)).await, Err(LinkError::Timeout));
    }
    assert_eq!(command(&link, read(1, 1, 1)).await, registers([1]));
    assert_eq!(device.connected(), 2);
}

#[tokio::test]
async fn a_dead_unit_costs_its_neighbours_nothing_but_its_probes() {
    let device = Device::start(|request| match request.unit {
        9 => Answer::Silence,
        _ => Answer::Bytes(request.addresses()),
    })
    .await;
    let link = link(&tcp(device.port, 300));
    for _ in 0..20 {
        for unit in [1, 9, 2, 3] {
            let result = poll(&link, read(unit, 7, 1)).await;
            match unit {
                9 => {
                    assert!(matches!(result, Err(LinkError::Timeout | LinkError::BackedOff(_))), "{result:?}")
                }
                _ => assert_eq!(result, registers([7])),
            }
        }
    }
    assert_eq!(device.asked(9), 2, "two timeouts in twenty rounds");
    assert_eq!(command(&link, read(9, 7, 1)).await, Err(LinkError::Timeout), "a command probes all the same");
    assert_eq!(device.asked(9), 3);
    assert_eq!(device.connected(), 1);
}

#[tokio::test]
async fn a_unit_that_makes_its_gateway_hang_up_does_not_take_the_others_with_it() {
    let device = Device::start(|request| match request.unit {
        9 => Answer::Last(request.addresses()[..9].to_vec()),
        _ => Answer::Bytes(request.addresses()),
    })
    .await;
    let link = link(&tcp(device.port, 5_000));
    for _ in 0..20 {
        for unit in [1, 9, 2] {
            let result = poll(&link, read(unit, 7, 1)).await;
            match unit {
                9 => {
                    assert!(
                        matches!(result, Err(LinkError::Offline(_) | LinkError::BackedOff(_))),
                        "{result:?}"
                    )
                }
                _ => assert_eq!(result, registers([7]), "unit {unit} is well"),
            }
        }
    }
    assert!(device.asked(9) < 20, "{} times asked", device.asked(9));
}

#[tokio::test]
async fn a_unit_that_sends_half_replies_costs_its_neighbours_nothing_but_its_probes() {
    let device = Device::start(|request| match request.unit {
        9 => {
            let whole = request.addresses();
            Answer::Bytes(whole[..whole.len() - 1].to_vec())
        }
        _ => Answer::Bytes(request.addresses()),
    })
    .await;
    let link = link(&tcp(device.port, 300));
    for _ in 0..20 {
        assert_eq!(poll(&link, read(1, 7, 1)).await, registers([7]));
        assert!(poll(&link, read(9, 7, 1)).await.is_err());
    }
    assert!(device.asked(9) < 20, "{} times asked", device.asked(9));
}

#[tokio::test]
async fn a_write_that_a_device_acknowledges_and_still_works_on_is_taken() {
    let device = Device::start(|request| match request.pdu[0] {
        6 => Answer::Bytes(request.exception(5)),
        _ => Answer::Bytes(request.addresses()),
    })
    .await;
    let link = link(&tcp(device.port, 300));
    let write = ModbusOp::WriteRegisters { unit: 1, address: 4, values: vec![1], multiple: false };
    assert_eq!(command(&link, write).await, Ok(ModbusReply::Written));
    assert_eq!(device.asked(1), 1, "written once");
}

#[tokio::test]
async fn a_gateway_that_cannot_reach_a_unit_is_not_blamed_for_it() {
    let device = Device::start(|request| match request.unit {
        5 => Answer::Bytes(request.exception(0x0B)),
        _ => Answer::Bytes(request.addresses()),
    })
    .await;
    let link = link(&tcp(device.port, 300));
    assert_eq!(poll(&link, read(5, 0, 1)).await, Err(LinkError::Exception(0x0B)));
    assert_eq!(poll(&link, read(5, 0, 1)).await, Err(LinkError::Exception(0x0B)));
    assert!(matches!(poll(&link, read(5, 0, 1)).await, Err(LinkError::BackedOff(_))));
    assert_eq!(poll(&link, read(6, 0, 1)).await, registers([0]));
    assert_eq!((device.asked(5), device.connected()), (2, 1));
}

#[tokio::test]
async fn a_late_reply_is_never_taken_for_the_next_one() {
    let mut late: Option<Vec<u8>> = None;
    let device = Device::start(move |request| match late.take() {
        None => {
            late = Some(request.addresses());
            Answer::Silence
        }
        Some(mut bytes) => {
            bytes.extend(request.addresses());
            Answer::Bytes(bytes)
        }
    })
    .await;
    let link = link(&tcp(device.port, 300));
    assert_eq!(poll(&link, read(1, 100, 1)).await, Err(LinkError::Timeout));
    assert_eq!(poll(&link, read(1, 200, 1)).await, registers([200]));
    assert_eq!(device.connected(), 1, "there was no need for a new connection");
}

#[tokio::test]
async fn a_device_that_is_slower_than_its_link_allows_is_named_with_what_to_change() {
    let mut late: Option<Vec<u8>> = None;
    let device = Device::start(move |request| match late.replace(request.addresses()) {
        None => Answer::Silence,
        Some(before) => Answer::Bytes(before),
    })
    .await;
    let link = link(&tcp(device.port, 100));
    let mut health = link.health();
    let asker = tokio::spawn(async move { while command(&link, read(1, 7, 1)).await.is_err() {} });
    let named = tokio::time::timeout(PATIENCE, health.wait_for(|health| health.limited.is_some())).await;
    let named = named.expect("nobody said why").unwrap().clone();
    asker.abort();
    assert!(named.limited.as_ref().is_some_and(|what| what.contains("raise `timing.timeout`")), "{named:?}");
}

#[tokio::test]
async fn short_replies_and_wrong_units_are_errors_with_words() {
    let device = Device::start(|request| match request.unit {
        1 => Answer::Bytes(request.frame(&[3, 2, 0, 1])),
        2 => {
            let mut bytes = request.addresses();
            bytes[6] = 77;
            Answer::Bytes(bytes)
        }
        _ => Answer::Bytes(request.addresses()),
    })
    .await;
    let link = link(&tcp(device.port, 300));
    let short = poll(&link, read(1, 0, 4)).await.unwrap_err().to_string();
    assert!(short.contains("2 bytes announced where 8 were asked for"), "{short}");
    let unit = poll(&link, read(2, 0, 4)).await.unwrap_err().to_string();
    assert!(unit.contains("unit 77 answered instead of unit 2"), "{unit}");
    assert_eq!(poll(&link, read(3, 0, 1)).await, registers([0]));
}

#[tokio::test]
async fn a_peer_that_speaks_something_else_is_named() {
    let device = Device::start(|_| Answer::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())).await;
    let link = link(&tcp(device.port, 300));
    let error = poll(&link, read(1, 0, 1)).await.unwrap_err().to_string();
    assert!(error.contains("does not speak Modbus TCP"), "{error}");
    state(&link, |state| matches!(state, LinkState::Down(_))).await;
}

#[tokio::test]
async fn a_device_that_closes_after_each_reply_is_read_all_the_same() {
    let device = Device::start(|request| Answer::Last(request.addresses())).await;
    let link = link(&tcp(device.port, 300));
    for address in 0..5 {
        assert_eq!(poll(&link, read(1, address, 1)).await, registers([address]));
    }
}

#[tokio::test]
async fn a_write_whose_reply_was_lost_is_not_repeated_and_says_so() {
    let device = Device::start(|request| match request.pdu[0] {
        6 => Answer::Close,
        _ => Answer::Bytes(request.addresses()),
    })
    .await;
    let link = link(&tcp(device.port, 300));
    poll(&link, read(1, 0, 1)).await.unwrap();
    let write = ModbusOp::WriteRegisters { unit: 1, address: 4, values: vec![1], multiple: false };
    let error = command(&link, write).await.unwrap_err().to_string();
    assert!(error.contains("whether the device took the write is not known"), "{error}");
    assert_eq!(poll(&link, read(1, 0, 1)).await, registers([0]));
    let writes = device.requests.lock().unwrap().iter().filter(|request| request.pdu[0] == 6).count();
    assert_eq!(writes, 1);
}

#[tokio::test]
async fn a_busy_device_is_asked_again_for_a_command_and_not_for_a_poll() {
    let mut refusals = 0;
    let device = Device::start(move |request| {
        if request.pdu[0] == 3 || refusals < 2 {
            refusals += u32::from(request.pdu[0] != 3);
            Answer::Bytes(request.exception(6))
        } else {
            Answer::Bytes(request.frame(&request.pdu))
        }
    })
    .await;
    let link = link(&tcp(device.port, 300));
    assert_eq!(poll(&link, read(1, 0, 1)).await, Err(LinkError::Exception(6)));
    let write = ModbusOp::WriteRegisters { unit: 1, address: 4, values: vec![1], multiple: false };
    assert_eq!(command(&link, write).await, Ok(ModbusReply::Written));
    assert_eq!(device.asked(1), 4);
}

#[tokio::test]
async fn pauses_after_connecting_and_between_requests_are_kept() {
    let device = Device::start(|request| Answer::Bytes(request.addresses())).await;
    let mut timing = timing(500);
    (timing.after_connect, timing.gap) = (Duration::from_millis(80), Duration::from_millis(30));
    let config = bo_model::release::LinkConfig::ModbusTcp {
        host: "127.0.0.1".into(),
        port: device.port,
        rtu_framing: false,
        tls: None,
        timing,
    };
    let started = tokio::time::Instant::now();
    let link = link(&config);
    for _ in 0..3 {
        poll(&link, read(1, 0, 1)).await.unwrap();
    }
    assert!(started.elapsed() >= Duration::from_millis(80 + 2 * 30), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_request_that_no_device_could_answer_is_never_sent() {
    let device = Device::start(|request| Answer::Bytes(request.addresses())).await;
    let link = link(&tcp(device.port, 300));
    assert!(matches!(poll(&link, read(1, 0, 126)).await, Err(LinkError::Invalid(_))));
    assert_eq!(device.asked(1), 0);
}

#[tokio::test]
async fn the_task_ends_with_its_last_handle() {
    let device = Device::start(|request| Answer::Bytes(request.addresses())).await;
    let link = link(&tcp(device.port, 300));
    poll(&link, read(1, 0, 1)).await.unwrap();
    let mut health = link.health();
    drop(link);
    let ended = async { while health.changed().await.is_ok() {} };
    tokio::time::timeout(PATIENCE, ended).await.expect("the task never ended");
}

#[tokio::test]
async fn a_peer_that_floods_the_line_is_cut_off_and_named() {
    let device = Device::start(|request| {
        let mut bytes = request.addresses();
        bytes.resize(100_000, 0);
        Answer::Bytes(bytes)
    })
    .await;
    let link = link(&tcp(device.port, 300));
    assert_eq!(poll(&link, read(1, 0, 1)).await, registers([0]));
    let mut health = link.health();
    tokio::time::timeout(PATIENCE, health.wait_for(|health| health.connects > 1))
        .await
        .expect("cut off")
        .unwrap();
}
