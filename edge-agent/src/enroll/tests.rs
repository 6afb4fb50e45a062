//! Enrolment without a controller: what is refused before anything is sent, and what stays on disk.

use super::*;
use std::time::Duration;

const CODE: EnrollCode = EnrollCode { secret: [1; 10], authority: [2; 16] };

#[tokio::test]
async fn a_code_never_crosses_a_network_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    for url in ["http://controller.example", "ftp://127.0.0.1", "controller.example", "https://"] {
        let error = enroll(url, &CODE.to_string(), folder.path(), "gw").await.unwrap_err();
        assert!(matches!(error, EnrollError::Address { .. }), "{url}: {error}");
    }
    assert!(address("http://127.0.0.1:8080").is_ok() && address("http://[::1]:8080/x").is_ok());
}

#[tokio::test]
async fn a_mistyped_code_is_an_error_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let error = enroll("https://127.0.0.1:1", "ABC", folder.path(), "gw").await.unwrap_err();
    assert!(matches!(error, EnrollError::Code(_)), "{error}");
}

#[tokio::test]
async fn an_answer_from_another_authority_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (key, _) = new_key().unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap().pem();
    let reply = EnrollReply {
        edge: "0198c0de-0000-7000-8000-000000000001".parse().unwrap(),
        authority: certificate.clone(),
        certificate,
        release_key: "00".repeat(32),
        uplink_host: String::new(),
        uplink_port: 8883,
        uplink_name: bo_wire::GATE_NAME.into(),
    };
    let error = Identity::store(folder.path(), &CODE, &reply, "h".into(), "https://h", &key).unwrap_err();
    assert!(error.to_string().contains("not the one the code names"), "{error}");
    assert!(matches!(Identity::load(folder.path()), Err(IdentityError::NotEnrolled { .. })));
}

#[tokio::test]
async fn an_unreachable_controller_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("https://127.0.0.1:{}", bo_testkit::free_port().unwrap());
    let code = CODE.to_string();
    let asked = enroll(&url, &code, folder.path(), "gw");
    let error = tokio::time::timeout(Duration::from_secs(40), asked).await.unwrap().unwrap_err();
    assert!(matches!(&error, EnrollError::Unreachable { .. }) && error.to_string().contains(&url), "{error}");
}
