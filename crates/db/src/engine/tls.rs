//! TLS towards PostgreSQL, always verified. On this machine (loopback, Unix socket) it is left away unless the url asks for
//! it; to any other host it is required unless the url says `sslmode=disable`.

use crate::error::DbError;
use postgres::config::{Host, SslMode};
use postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Decides about TLS for a parsed url. `None`: without.
pub fn connector(config: &mut postgres::Config, url: &str) -> Result<Option<Connector>, DbError> {
    let local = config.get_hosts().iter().all(|host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
    });
    let said = url.contains("sslmode=");
    match config.get_ssl_mode() {
        SslMode::Disable => return Ok(None),
        _ if local && !said => {
            config.ssl_mode(SslMode::Disable);
            return Ok(None);
        }
        // "prefer" would fall back to clear text when somebody on the way says so.
        _ => config.ssl_mode(SslMode::Require),
    };
    let failed = |why: String| DbError::Open { url: super::postgres::hide_password(url), why };
    let mut roots = RootCertStore::empty();
    match std::env::var_os("PGSSLROOTCERT") {
        Some(path) => {
            let certificates = CertificateDer::pem_file_iter(&path)
                .map_err(|error| failed(format!("PGSSLROOTCERT: {error}")))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| failed(format!("PGSSLROOTCERT: {error}")))?;
                roots.add(certificate).map_err(|error| failed(format!("PGSSLROOTCERT: {error}")))?;
            }
        }
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Some(Connector(Arc::new(tls))))
}

/// Makes TLS sessions.
#[derive(Clone)]
pub struct Connector(Arc<ClientConfig>);

/// One session to be made.
pub struct Pending {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

/// One session.
pub struct Session<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Connector {
    type Stream = Session<S>;
    type TlsConnect = Pending;
    type Error = rustls::pki_types::InvalidDnsNameError;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Pending, Self::Error> {
        Ok(Pending { config: self.0.clone(), name: ServerName::try_from(domain.to_owned())? })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Pending {
    type Stream = Session<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Session<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            tokio_rustls::TlsConnector::from(self.config).connect(self.name, stream).await.map(Session)
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Session<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Session<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Session<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(url: &str) -> (bool, SslMode) {
        let mut config: postgres::Config = url.parse().unwrap();
        let tls = connector(&mut config, url).unwrap();
        (tls.is_some(), config.get_ssl_mode())
    }

    #[test]
    fn another_host_is_only_reached_over_verified_tls() {
        assert_eq!(decide("postgres://bo@db.example/bo"), (true, SslMode::Require));
        assert_eq!(decide("postgres://bo@db.example/bo?sslmode=prefer"), (true, SslMode::Require));
        assert_eq!(decide("postgres://bo@db.example/bo?sslmode=disable"), (false, SslMode::Disable));
        assert_eq!(decide("postgres://bo@127.0.0.1/bo"), (false, SslMode::Disable));
        assert_eq!(decide("postgres://bo@localhost/bo?sslmode=require"), (true, SslMode::Require));
    }
}
