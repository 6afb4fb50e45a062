//! Masters that share a link: what they may ask, and what they get.

use super::pdu;
use crate::pdu as client;
use crate::pdu::{Decoded, IdentifyFrom};
use bo_link::{LinkError, ModbusOp, ModbusReply};
use bo_model::points::Table;
use proptest::prelude::*;

fn any_op() -> impl Strategy<Value = ModbusOp> {
    let table = prop::sample::select(vec![Table::Coil, Table::Discrete, Table::Holding, Table::Input]);
    let (unit, address) = (any::<u8>(), 0u16..60_000);
    prop_oneof![
        (unit, table, address.clone(), 1u16..=125).prop_map(|(unit, table, address, count)| ModbusOp::Read {
            unit,
            table,
            address,
            count
        }),
        (unit, address.clone(), prop::collection::vec(any::<u16>(), 1..=123), any::<bool>()).prop_map(
            |(unit, address, values, multiple)| {
                let multiple = multiple || values.len() > 1;
                ModbusOp::WriteRegisters { unit, address, values, multiple }
            }
        ),
        (unit, address, prop::collection::vec(any::<bool>(), 1..=1968), any::<bool>()).prop_map(
            |(unit, address, values, multiple)| {
                let multiple = multiple || values.len() > 1;
                ModbusOp::WriteCoils { unit, address, values, multiple }
            }
        ),
    ]
}

proptest! {
    #[test]
    fn a_request_is_understood_as_it_was_meant_and_its_reply_too(op in any_op(), fill in any::<u16>()) {
        let mut bytes = Vec::new();
        client::encode(&op, IdentifyFrom::START, &mut bytes);
        let asked = pdu::request(op.unit(), &bytes).unwrap();
        prop_assert_eq!(&asked.op, &op);
        let reply = match &op {
            ModbusOp::Read { table: Table::Coil | Table::Discrete, count, .. } => {
                ModbusReply::Bits((0..*count).map(|at| fill >> (at % 16) & 1 == 1).collect())
            }
            ModbusOp::Read { count, .. } => ModbusReply::Registers(vec![fill; usize::from(*count)]),
            _ => ModbusReply::Written,
        };
        let bytes = pdu::reply(&asked, &reply).unwrap();
        prop_assert_eq!(client::decode(&op, &bytes), Ok(Decoded::Done(reply)));
    }

    #[test]
    fn any_bytes_are_a_request_or_an_exception(bytes in prop::collection::vec(any::<u8>(), 0..260)) {
        if let Ok(asked) = pdu::request(1, &bytes) {
            prop_assert!(client::check(&asked.op).is_ok());
        }
    }
}

#[test]
fn an_identity_that_does_not_fit_comes_in_parts() {
    let objects: Vec<(u8, String)> = (0..6).map(|id| (id, "x".repeat(100))).collect();
    let op = ModbusOp::Identify { unit: 1 };
    let mut got = Vec::new();
    let mut from = 0;
    loop {
        let asked = pdu::request(1, &[43, 14, 3, from]).unwrap();
        match client::decode(&op, &pdu::reply(&asked, &ModbusReply::Identity(objects.clone())).unwrap())
            .unwrap()
        {
            Decoded::More(part, next) => {
                got.extend(part);
                from = next;
            }
            Decoded::Done(ModbusReply::Identity(part)) => {
                got.extend(part);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(got, objects);
}

#[test]
fn exceptions_reach_the_master_as_they_are() {
    let op = ModbusOp::Read { unit: 1, table: Table::Holding, address: 0, count: 1 };
    assert_eq!(client::decode(&op, &pdu::exception(3, 2)), Err(LinkError::Exception(2)));
    assert_eq!(pdu::request(1, &[99]), Err(1));
    assert_eq!(pdu::request(1, &[3, 0, 0, 0, 0]), Err(3));
    assert_eq!(pdu::request(1, &[16, 0, 0, 0, 2, 4, 0, 1]), Err(3), "fewer values than announced");
}
