//! What a point's registers mean, by example and by property.

use super::*;
use proptest::prelude::*;

fn point(toml: &str) -> ModbusPoint {
    toml::from_str(toml).unwrap()
}

fn decode(toml: &str, words: &[u16]) -> Result<Data, Reason> {
    Codec::new(&point(toml), Order::ABCD).decode(words, None)
}

#[test]
fn each_order_finds_the_same_number() {
    for (order, words) in [
        ("ABCD", [0xAABB, 0xCCDD]),
        ("CDAB", [0xCCDD, 0xAABB]),
        ("BADC", [0xBBAA, 0xDDCC]),
        ("DCBA", [0xDDCC, 0xBBAA]),
    ] {
        let toml = format!("type = \"u32\"\norder = \"{order}\"");
        assert_eq!(decode(&toml, &words), Ok(Data::Int(0xAABB_CCDD)), "{order}");
    }
}

#[test]
fn scaled_numbers_are_the_ones_a_person_would_write() {
    assert_eq!(decode("type = \"u16\"\nscale = 0.1", &[2305]), Ok(Data::Float(230.5)));
    assert_eq!(decode("type = \"i16\"\nscale = 0.01\nadd = -40", &[0xFFFF]), Ok(Data::Float(-40.01)));
    let codec = Codec::new(&point("type = \"u16\"\nscale_point = \"sf\""), Order::ABCD);
    assert_eq!(codec.decode(&[4999], Some(-2)), Ok(Data::Float(49.99)));
    assert_eq!(codec.decode(&[12], Some(3)), Ok(Data::Float(12_000.0)));
}

#[test]
fn a_register_that_holds_a_choice_speaks_words_both_ways() {
    let toml = "type = \"u16\"\nmap = { 0 = \"off\", 4 = \"auto\", 7 = true }";
    assert_eq!(decode(toml, &[4]), Ok("auto".into()));
    assert_eq!(decode(toml, &[7]), Ok(Data::Bool(true)));
    assert_eq!(decode(toml, &[1]), Err(Reason::OutOfRange));
    let codec = Codec::new(&point(toml), Order::ABCD);
    assert_eq!(codec.encode(&"off".into(), None, None), Ok(vec![0]));
    assert_eq!(codec.encode(&Data::Bool(true), None, None), Ok(vec![7]));
    assert!(codec.encode(&"party".into(), None, None).unwrap_err().contains("party"));
}

#[test]
fn sunspec_points_know_what_is_not_implemented() {
    let sunspec = |kind: &str| format!("type = \"{kind}\"\nmodel = \"inverter\"\noffset = 2");
    for (kind, words) in [
        ("i16", vec![0x8000]),
        ("u16", vec![0xFFFF]),
        ("i32", vec![0x8000, 0]),
        ("u32", vec![0xFFFF, 0xFFFF]),
        ("i64", vec![0x8000, 0, 0, 0]),
        ("u64", vec![0xFFFF; 4]),
        ("f32", vec![0x7FC0, 0]),
        ("sunssf", vec![0x8000]),
        ("acc32", vec![0, 0]),
        ("acc64", vec![0; 4]),
    ] {
        assert_eq!(decode(&sunspec(kind), &words), Err(Reason::Unimplemented), "{kind}");
    }
    assert_eq!(decode("type = \"u16\"", &[0xFFFF]), Ok(Data::Int(65535)), "elsewhere it is a number");
    assert_eq!(decode("type = \"i16\"\nunimplemented = [32767]", &[0x7FFF]), Err(Reason::Unimplemented));
    assert_eq!(decode("type = \"u16\"\nunimplemented = [-1]", &[0xFFFF]), Ok(Data::Int(65535)));
    assert_eq!(decode("type = \"i16\"\nunimplemented = [65535]", &[0xFFFF]), Err(Reason::Unimplemented));
}

#[test]
fn what_is_not_a_number_or_out_of_range_is_bad_and_never_zero() {
    assert!(matches!(decode("type = \"f32\"", &[0x7FC0, 0]), Err(Reason::Decode(_))));
    assert!(matches!(decode("type = \"f32\"", &[0x7F80, 0]), Err(Reason::Decode(_))));
    assert_eq!(decode("type = \"u16\"\nmax = 100", &[101]), Err(Reason::OutOfRange));
    assert_eq!(decode("type = \"u16\"\nscale = 0.1\nmin = 0\nmax = 10", &[101]), Err(Reason::OutOfRange));
    assert!(matches!(decode("type = \"u32\"", &[1]), Err(Reason::Decode(_))), "a short read");
}

#[test]
fn text_bits_and_booleans_decode() {
    let words = [0x4163, 0x6D65, 0x2000, 0x0000];
    assert_eq!(decode("type = \"string\"\nlength = 4", &words), Ok("Acme".into()));
    assert_eq!(decode("type = \"bool\"\nbit = 3", &[0b1000]), Ok(Data::Bool(true)));
    assert_eq!(decode("type = \"bool\"\nbit = 2", &[0b1000]), Ok(Data::Bool(false)));
}

#[test]
fn a_write_applies_the_scale_and_refuses_what_does_not_fit() {
    let codec = Codec::new(&point("type = \"u16\"\nscale_point = \"sf\"\nmin = 1\nmax = 100"), Order::ABCD);
    assert_eq!(codec.encode(&Data::Int(60), Some(-2), None), Ok(vec![6000]));
    assert!(codec.encode(&Data::Int(0), Some(-2), None).unwrap_err().contains("below the minimum, 1"));
    assert!(codec.encode(&Data::Float(100.5), Some(-2), None).unwrap_err().contains("above the maximum"));
    let narrow = Codec::new(&point("type = \"i16\"\nscale = 0.001"), Order::ABCD);
    assert!(narrow.encode(&Data::Int(40), None, None).unwrap_err().contains("holds -32768 to 32767"));
    assert!(narrow.encode(&"warm".into(), None, None).unwrap_err().contains("not a number"));
    assert!(narrow.encode(&Data::Float(1e300), None, None).is_err());
}

#[test]
fn writing_one_bit_keeps_the_others() {
    let codec = Codec::new(&point("type = \"bool\"\nbit = 1"), Order::ABCD);
    assert_eq!(codec.encode(&Data::Bool(true), None, Some(0b1001)), Ok(vec![0b1011]));
    assert_eq!(codec.encode(&Data::Bool(false), None, Some(0b1011)), Ok(vec![0b1001]));
    assert!(codec.encode(&Data::Bool(true), None, None).is_err());
}

fn any_encoding() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["i16", "u16", "i32", "u32", "i64", "u64", "f32", "f64"])
}

proptest! {
    #[test]
    fn whole_numbers_survive_a_write_and_a_read(
        kind in any_encoding(), order in prop::sample::select(vec!["ABCD", "CDAB", "BADC", "DCBA"]), number in any::<i64>(),
    ) {
        let codec = Codec::new(&point(&format!("type = \"{kind}\"\norder = \"{order}\"")), Order::ABCD);
        if let Ok(words) = codec.encode(&Data::Int(number), None, None) {
            match codec.decode(&words, None) {
                Ok(Data::Int(back)) => prop_assert_eq!(back, number),
                Ok(Data::Float(back)) => prop_assert!((back - number as f64).abs() <= (number as f64).abs() * 1e-6),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn a_scaled_value_comes_back_within_half_a_step(
        kind in prop::sample::select(vec!["i16", "u16", "i32", "u32"]),
        scale in prop::sample::select(vec![0.001, 0.01, 0.1, 0.25, 1.0, 2.5, 10.0]),
        power in -4i32..4, value in -100_000.0f64..100_000.0,
    ) {
        let codec = Codec::new(&point(&format!("type = \"{kind}\"\nscale = {scale:?}\nscale_point = \"sf\"")), Order::ABCD);
        if let Ok(words) = codec.encode(&Data::Float(value), Some(power), None)
            && let Ok(data) = codec.decode(&words, Some(power))
        {
            let back = data.number().unwrap();
            prop_assert!((back - value).abs() <= codec.tolerance(value, Some(power)), "{value} came back as {back}");
        }
    }

    #[test]
    fn text_survives(text in "[ -~]{0,15}[!-~]", order in prop::sample::select(vec!["ABCD", "DCBA"])) {
        let codec = Codec::new(&point(&format!("type = \"string\"\nlength = 8\norder = \"{order}\"")), Order::ABCD);
        let words = codec.encode(&text.as_str().into(), None, None).unwrap();
        prop_assert_eq!(codec.decode(&words, None), Ok(text.as_str().into()));
    }

    #[test]
    fn any_registers_decode_to_a_datum_or_a_reason(kind in any_encoding(), words in prop::collection::vec(any::<u16>(), 4)) {
        let codec = Codec::new(&point(&format!("type = \"{kind}\"\nscale = 0.5")), Order::ABCD);
        if let Ok(data) = codec.decode(&words[..usize::from(codec.width())], Some(2)) {
            prop_assert!(data.number().is_some_and(f64::is_finite));
        }
    }
}
