//! The task that owns one base address: sends requests, a few at a time, and reads replies up to a limit.

use crate::error::ConfigError;
use crate::target::{Base, MAX_BODY, check};
use bo_link::{Handle, HttpReply, HttpRequest, Inbox, Job, LinkError, Reporter, queue};
use bo_link_stream::tls;
use bo_model::clock::SharedClock;
use bo_model::release::{LinkConfig, TlsClient};
use bo_runtime::shutdown::Shutdown;
use bytes::{Bytes, BytesMut};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout_at;

/// Waiting requests per lane.
const ROOM: usize = 256;
/// Requests under way at the same time: devices have small web servers.
const AT_ONCE: usize = 4;
/// How long making a connection may take, TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// Redirects followed, on the same host only.
const REDIRECTS: usize = 5;
/// Requests in a row without any reply before the endpoint counts as down.
const SILENT: u32 = 3;

/// Starts the task of one base address. It ends when the last handle is gone or `shutdown` is signalled.
/// Connections are made when there is something to ask, and kept for the next request.
pub fn spawn(
    config: &LinkConfig,
    clock: SharedClock,
    shutdown: &Shutdown,
) -> Result<Handle<HttpRequest, HttpReply>, ConfigError> {
    let LinkConfig::Http { base, tls } = config else { return Err(ConfigError::NotHttp) };
    let (base, client) = client(base, tls.as_ref())?;
    let (handle, inbox, health) = queue(ROOM);
    let task = Task { base, client, report: Reporter::new(health, clock), up: false, silent: 0 };
    let ended = shutdown.clone();
    shutdown.spawn(async move {
        tokio::select! {
            () = task.run(inbox) => {}
            () = ended.signalled() => {}
        }
    });
    Ok(handle)
}

fn client(base: &str, tls: Option<&TlsClient>) -> Result<(Base, Client), ConfigError> {
    let mut base = Base::parse(base)?;
    let config = if base.url().scheme() == "https" {
        tls::client_config(tls.unwrap_or(&TlsClient::default())).map_err(ConfigError::Tls)?
    } else {
        // Never used, but the client wants one; without roots it trusts nobody.
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| ConfigError::Tls(bo_link_stream::ConfigError::Tls(error)))?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth()
    };
    let mut builder = Client::builder()
        .tls_backend_preconfigured(config)
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .no_proxy()
        .redirect(same_host_only(&base));
    if let Some(name) = tls.and_then(|tls| tls.server_name.as_deref()) {
        let host = base.url().host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        base = base.renamed(name)?;
        builder = builder.redirect(same_host_only(&base)).dns_resolver(Arc::new(Renamed(host)));
    }
    Ok((base, builder.build().map_err(ConfigError::Client)?))
}

/// A device must not be able to send the edge's requests, and the credentials in them, somewhere else.
fn same_host_only(base: &Base) -> Policy {
    let origin = base.url().origin();
    Policy::custom(move |attempt| {
        if attempt.url().origin() == origin && attempt.previous().len() <= REDIRECTS {
            attempt.follow()
        } else {
            attempt.stop()
        }
    })
}

/// Finds the host under the name its certificate carries.
struct Renamed(String);

impl Resolve for Renamed {
    fn resolve(&self, _name: Name) -> Resolving {
        let host = self.0.clone();
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

struct Task {
    base: Base,
    client: Client,
    report: Reporter,
    up: bool,
    silent: u32,
}

impl Task {
    async fn run(mut self, mut inbox: Inbox<HttpRequest, HttpReply>) {
        let mut under_way: JoinSet<Result<(), LinkError>> = JoinSet::new();
        loop {
            tokio::select! {
                Some(done) = under_way.join_next() => match done {
                    Ok(outcome) => self.account(outcome),
                    Err(panic) => tracing::error!(link = %self.base.url(), %panic, "a request ended in a panic"),
                },
                job = inbox.next(), if under_way.len() < AT_ONCE => match job {
                    None => return,
                    Some(job) => self.start(job, &mut under_way),
                },
            }
        }
    }

    fn start(&mut self, job: Job<HttpRequest, HttpReply>, under_way: &mut JoinSet<Result<(), LinkError>>) {
        let (method, url, headers) = match check(&self.base, &job.op) {
            Ok(parts) => parts,
            Err(refused) => {
                job.answer(Err(refused));
                return;
            }
        };
        self.report.sent();
        let request = self.client.request(method, url).headers(headers).body(job.op.body.clone());
        under_way.spawn(async move {
            let exchange = async { read(request.send().await.map_err(failed)?).await };
            let result = timeout_at(job.deadline(), exchange).await.unwrap_or(Err(LinkError::Timeout));
            let outcome = result.as_ref().map(drop).map_err(Clone::clone);
            job.answer(result);
            outcome
        });
    }

    fn account(&mut self, outcome: Result<(), LinkError>) {
        match outcome {
            // Too long or broken off: there was a reply all the same.
            Ok(()) | Err(LinkError::Protocol(_)) => {
                self.silent = 0;
                if !self.up {
                    self.up = true;
                    self.report.up();
                }
                self.report.proved();
            }
            Err(LinkError::Offline(ref why)) => self.down(why),
            Err(_) => {
                self.silent += 1;
                if self.silent >= SILENT {
                    self.down(&"several requests in a row were not answered".into());
                }
            }
        }
        if outcome.is_err() {
            self.report.failed();
        }
    }

    fn down(&mut self, why: &Arc<str>) {
        if self.up {
            tracing::warn!(link = %self.base.url(), %why, "not reachable");
        }
        self.up = false;
        self.report.down(why);
    }
}

/// The whole reply, up to the limit.
async fn read(mut response: Response) -> Result<HttpReply, LinkError> {
    let too_long = || LinkError::Protocol(format!("the body has more than {MAX_BODY} bytes").into());
    if response.content_length().is_some_and(|length| length > MAX_BODY as u64) {
        return Err(too_long());
    }
    let status = response.status().as_u16();
    let text = |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(HttpReply { status, headers, body: Bytes::from(body) })
}

/// An address may carry a key in its query: the message is made without it.
fn failed(error: reqwest::Error) -> LinkError {
    let (connect, timeout) = (error.is_connect(), error.is_timeout());
    let error = error.without_url();
    let mut innermost: &dyn Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let why: Arc<str> = innermost.to_string().into();
    match (connect, timeout) {
        (true, true) => LinkError::Offline("no answer to the connection request".into()),
        (true, false) => LinkError::Offline(why),
        (false, true) => LinkError::Timeout,
        (false, false) => LinkError::Protocol(why),
    }
}
