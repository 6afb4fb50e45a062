//! Enrolment over HTTPS at a server that knows one code, as the controller's own does it.

use super::{Memory, edge, loopback};
use backoffice_edge::enroll::{self, Identity};
use bo_model::Time;
use bo_uplink::{CodeState, Enrolment, Uplink, new_code};
use bo_wire::EnrollRequest;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Enrols an edge the way people do, over HTTPS, at a server that knows one code.
pub async fn enrolled(memory: &Arc<Memory>, uplink: &Uplink, data: &Path) -> Identity {
    let (code, hash) = new_code(&memory.authority);
    let state = CodeState { edge: edge(1), expires_at: Time(i64::MAX), used_at: None };
    let url = serve(memory.clone(), uplink.gate_address().unwrap().port(), hash, state).await;
    enroll::enroll(&url, &code.to_string(), data, "gw-1").await.unwrap()
}

/// `POST /api/v1/enroll` over TLS with a certificate of the controller's own authority.
pub async fn serve(memory: Arc<Memory>, uplink_port: u16, hash: String, state: CodeState) -> String {
    let (chain, key) = memory.authority.server(&[bo_wire::GATE_NAME.to_owned()]).unwrap();
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind(loopback(0)).await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let setting = Enrolment {
        release_key: hex::encode(ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key().to_bytes()),
        uplink_host: String::new(),
        uplink_port,
        uplink_name: bo_wire::GATE_NAME.into(),
    };
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(socket).await else { continue };
            let mut text = Vec::new();
            let request: EnrollRequest = loop {
                let mut part = [0; 4096];
                let read = stream.read(&mut part).await.unwrap();
                text.extend_from_slice(&part[..read]);
                let head = text.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(text.len());
                match serde_json::from_slice(text.get(head + 4..).unwrap_or_default()) {
                    Ok(request) => break request,
                    Err(_) => assert_ne!(read, 0, "a request that does not read"),
                }
            };
            assert!(text.starts_with(b"POST /api/v1/enroll HTTP/1.1\r\n"));
            let find = |asked: &str| (asked == hash).then(|| state.clone());
            let (status, body) = match bo_uplink::enroll(&memory.authority, &setting, &request, Time(0), find)
            {
                Ok(done) => ("200 OK", serde_json::to_string(&done.reply).unwrap()),
                Err(why) => ("403 Forbidden", serde_json::json!({ "error": why.to_string() }).to_string()),
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
            let _ = stream.shutdown().await;
        }
    });
    url
}
