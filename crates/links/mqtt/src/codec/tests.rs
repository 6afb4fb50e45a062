//! What devices publish, and what becomes of it.

use super::*;
use bytes::Bytes;
use proptest::prelude::*;

fn profile(text: &str) -> Profile {
    let settings = [("topic".to_owned(), Json::from("plug1"))].into();
    Profile::new(&toml::from_str(text).unwrap(), &settings).unwrap()
}

fn message(topic: &str, payload: &str) -> MqttMessage {
    MqttMessage {
        topic: topic.into(),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        qos: 0,
        retain: false,
    }
}

const RELAY: &str = r#"
availability = { topic = "tele/{topic}/LWT", online = "Online", offline = "Offline" }
on_connect = [{ topic = "cmnd/{topic}/STATE", payload = "" }]
[point.power]
topic = "stat/{topic}/POWER"
map = { ON = true, OFF = false }
[point.energy]
topic = "tele/{topic}/SENSOR"
path = "ENERGY.Power"
[point.phase]
topic = "tele/{topic}/SENSOR"
path = "ENERGY.Current.1"
scale = 0.001
[point.any]
status = "signal"
topic = "tele/{topic}/+"
path = "Wifi.RSSI"
"#;

fn values(decoded: Decoded<'_>) -> BTreeMap<&str, Value> {
    decoded.values.into_iter().collect()
}

#[test]
fn words_paths_lists_and_scales_become_values() {
    let profile = profile(RELAY);
    let now = Time(5);
    let power = values(profile.decode(&message("stat/plug1/POWER", "ON"), now));
    assert_eq!(power["power"], Value::good(true, now));
    let sensor =
        message("tele/plug1/SENSOR", r#"{"ENERGY":{"Power":12,"Current":[0,2500]},"Wifi":{"RSSI":-60}}"#);
    let sensor = values(profile.decode(&sensor, now));
    assert_eq!(sensor["energy"], Value::good(12, now));
    assert_eq!(sensor["phase"], Value::good(2.5, now));
    assert_eq!(sensor["signal"], Value::good(-60, now));
    assert_eq!(
        profile.filters(),
        ["stat/plug1/POWER", "tele/plug1/+", "tele/plug1/LWT", "tele/plug1/SENSOR"]
    );
    assert_eq!(profile.greetings(), [("cmnd/plug1/STATE".to_owned(), String::new())]);
}

#[test]
fn presence_is_what_the_device_says() {
    let profile = profile(RELAY);
    let says = |payload| profile.decode(&message("tele/plug1/LWT", payload), Time(0)).online;
    assert_eq!((says("Online"), says("Offline"), says("Maybe")), (Some(true), Some(false), None));
}

#[test]
fn what_is_not_understood_is_bad_and_says_why_and_is_never_zero() {
    let profile = profile(RELAY);
    let power = values(profile.decode(&message("stat/plug1/POWER", "TOGGLE"), Time(0)));
    let Quality::Bad(Reason::Decode(why)) = &power["power"].quality else { panic!("{power:?}") };
    assert!(why.contains("TOGGLE") && why.contains("OFF, ON"), "{why}");
    assert_eq!(power["power"].data, Data::None);
    let sensor = values(profile.decode(&message("tele/plug1/SENSOR", "{\"ENERGY\":"), Time(0)));
    assert!(
        matches!(&sensor["energy"].quality, Quality::Bad(Reason::Decode(why)) if why.contains("not JSON"))
    );
}

#[test]
fn a_message_that_does_not_speak_of_a_point_leaves_it_alone() {
    let profile = profile(RELAY);
    let sensor = values(
        profile.decode(&message("tele/plug1/SENSOR", r#"{"Time":"x","ENERGY":{"Power":null}}"#), Time(0)),
    );
    assert!(sensor.is_empty(), "{sensor:?}");
}

#[test]
fn a_retained_value_is_uncertain() {
    let profile = profile(RELAY);
    let retained = MqttMessage { retain: true, ..message("stat/plug1/POWER", "ON") };
    let power = values(profile.decode(&retained, Time(0)));
    assert_eq!(power["power"].quality, Quality::Uncertain(Reason::Retained));
}

#[test]
fn a_missing_setting_is_named() {
    let text = "[point.x]\ntopic = \"a/{room}/b\"";
    let error = Profile::new(&toml::from_str(text).unwrap(), &Values::new()).unwrap_err().to_string();
    assert!(error.contains("a/{room}/b") && error.contains("`room`"), "{error}");
}

#[test]
fn braces_of_json_are_no_settings() {
    let settings: Values = [("on".to_owned(), Json::from(true))].into();
    assert_eq!(fill(r#"{"state":{"on":{on}}}"#, &settings).unwrap(), r#"{"state":{"on":true}}"#);
}

#[test]
fn plain_payloads_are_numbers_truths_or_text() {
    for (text, data) in [
        ("21.5", Data::Float(21.5)),
        ("-3", Data::Int(-3)),
        ("true", Data::Bool(true)),
        ("open", "open".into()),
        ("nan", "nan".into()),
        ("1e999", "1e999".into()),
    ] {
        assert_eq!(literal(text), data, "{text}");
    }
}

proptest! {
    #[test]
    fn no_payload_makes_it_panic_and_no_float_is_not_finite(payload in prop::collection::vec(any::<u8>(), 0..80), topic in "tele/plug1/(SENSOR|LWT|x)|stat/plug1/POWER") {
        let profile = profile(RELAY);
        let message = MqttMessage { topic, payload: payload.into(), qos: 0, retain: false };
        for (_, value) in profile.decode(&message, Time(0)).values {
            if let Data::Float(real) = value.data {
                prop_assert!(real.is_finite());
            }
        }
    }

    #[test]
    fn a_scaled_number_decodes_to_what_was_meant(raw in -1.0e6f64..1.0e6, scale in 0.001f64..100.0, add in -100.0f64..100.0) {
        let text = format!("[point.x]\ntopic = \"t\"\npath = \"v\"\nscale = {scale:?}\nadd = {add:?}");
        let profile = Profile::new(&toml::from_str(&text).unwrap(), &Values::new()).unwrap();
        let payload = serde_json::json!({ "v": raw }).to_string();
        let decoded = profile.decode(&message("t", &payload), Time(0));
        let Data::Float(real) = decoded.values[0].1.data else { panic!("{decoded:?}") };
        prop_assert!((real - (raw * scale + add)).abs() <= 1e-6 * real.abs().max(1.0));
    }

    #[test]
    fn no_template_makes_filling_panic(template in ".{0,40}") {
        let _ = fill(&template, &Values::new());
    }
}

#[test]
fn a_word_where_a_number_or_a_truth_is_declared_is_bad_and_never_shown_as_good() {
    let manifest = bo_model::driver::Manifest::parse(
        "[driver]\nname = \"x\"\nversion = \"1.0.0\"\ntitle = \"X\"\nkind = \"hardware\"\nmodule = \"X\"\n[link]\nkind = \"mqtt\"\n\
         [status]\npeople = { type = \"integer\" }\nco2 = { type = \"number\" }\non = { type = \"boolean\" }\nname = { type = \"text\" }\n\
         [mqtt.point]\npeople = { topic = \"s\", path = \"people\" }\nco2 = { topic = \"s\", path = \"co2\" }\n\
         on = { topic = \"s\", path = \"on\" }\nname = { topic = \"s\", path = \"name\" }\n",
    )
    .unwrap();
    let profile =
        Profile::new(manifest.mqtt.as_ref().unwrap(), &Values::new()).unwrap().typed(&manifest.status);
    let told = |payload: &str| -> BTreeMap<String, (Data, bool)> {
        let decoded = profile.decode(&message("s", payload), Time(1));
        let told = decoded.values.into_iter();
        told.map(|(name, value)| (name.to_owned(), (value.data, value.quality.is_good()))).collect()
    };
    let fine = told(r#"{"people": 3, "co2": "431.5", "on": true, "name": "7"}"#);
    assert_eq!(fine["people"], (Data::Int(3), true));
    assert_eq!(fine["co2"], (Data::Float(431.5), true), "a number in quotes is a number");
    assert_eq!((fine["on"].1, fine["name"].1), (true, true));
    let wrong = told(r#"{"people": "many", "co2": true, "on": "maybe", "name": "hall"}"#);
    for name in ["people", "co2", "on"] {
        assert_eq!(wrong[name], (Data::None, false), "{name}");
    }
    assert!(wrong["name"].1, "what is understood counts all the same");
    assert!(!told(r#"{"on": 1}"#)["on"].1, "what 1 means, a map has to say");
}
