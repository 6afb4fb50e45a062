//! A link's endpoint with its queue: makes the connection, makes it again after it broke, and meanwhile tells whoever
//! asks that it is down.

use crate::connection::Connection;
use crate::endpoint::Endpoint;
use bo_link::{Handle, Inbox, Job, LinkError, Reporter, Urgency, queue};
use bo_model::clock::SharedClock;
use bo_runtime::backoff::{Backoff, jitter};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// How long making a connection may take, TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// First and longest pause between two tries to connect.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// A waiting command may cut the pause short, but tries are never closer than this.
const IMPATIENCE: Duration = Duration::from_secs(1);

/// One endpoint, its waiting requests and its health.
pub struct Line<Op, Reply> {
    endpoint: Endpoint,
    /// Requests.
    pub inbox: Inbox<Op, Reply>,
    /// The link's health.
    pub report: Reporter,
    /// A request to carry out first once there is a connection.
    pub pending: Option<Job<Op, Reply>>,
    /// Answers requests that are as good as done while there is no connection.
    moot: fn(&Op) -> Option<Reply>,
    backoff: Backoff,
    down: Option<Arc<str>>,
    tried: Instant,
}

impl<Op, Reply> Line<Op, Reply> {
    /// With room for `room` waiting requests per lane, and the handle its users get.
    pub fn new(
        endpoint: Endpoint,
        room: usize,
        clock: SharedClock,
        moot: fn(&Op) -> Option<Reply>,
    ) -> (Handle<Op, Reply>, Line<Op, Reply>) {
        let (handle, inbox, health) = queue(room);
        let line = Line {
            endpoint,
            inbox,
            report: Reporter::new(health, clock),
            pending: None,
            moot,
            backoff: Backoff::new(RECONNECT.0, RECONNECT.1),
            down: None,
            tried: Instant::now(),
        };
        (handle, line)
    }

    /// Where it leads.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Tries until there is a connection; says whether the endpoint was down before. `None` when nobody needs the link
    /// any more.
    pub async fn connect(&mut self) -> Option<(Connection, bool)> {
        loop {
            self.tried = Instant::now();
            match self.attempt().await? {
                Ok(connection) => {
                    self.report.up();
                    return Some((connection, self.down.take().is_some()));
                }
                Err(why) => self.pause(why).await?,
            }
        }
    }

    /// The connection was good for something: the next pause is a short one again.
    pub fn worked(&mut self) {
        self.backoff.succeeded();
    }

    /// The endpoint is down, and stays so for a pause. `None` when nobody needs the link any more.
    pub async fn pause(&mut self, why: Arc<str>) -> Option<()> {
        if self.down.as_ref() != Some(&why) {
            tracing::warn!(link = %self.endpoint, %why, "not connected");
        }
        self.report.down(&why);
        self.down = Some(why.clone());
        if let Some(job) = self.pending.take() {
            job.answer(Err(LinkError::Offline(why)));
        }
        let mut until = Instant::now() + self.backoff.failed(jitter());
        loop {
            let job = tokio::select! {
                () = sleep_until(until) => return Some(()),
                job = self.inbox.next() => job?,
            };
            if job.urgency == Urgency::Command || (self.moot)(&job.op).is_some() {
                until = until.min(self.tried + IMPATIENCE).max(Instant::now());
            }
            refuse_or_keep(&mut self.pending, job, self.down.as_ref(), self.moot);
        }
    }

    /// One try. While the endpoint is known to be down, users are told so meanwhile.
    async fn attempt(&mut self) -> Option<Result<Connection, Arc<str>>> {
        // Boxed: its room, TLS and all, would stay with the link's task as long as the connection lasts.
        let mut attempt = Box::pin(timeout(CONNECT, self.endpoint.connect()));
        loop {
            let job = tokio::select! {
                connected = &mut attempt => {
                    return Some(connected.unwrap_or_else(|_| Err("no answer to the connection request".into())));
                }
                job = self.inbox.next(), if self.down.is_some() => job?,
            };
            refuse_or_keep(&mut self.pending, job, self.down.as_ref(), self.moot);
        }
    }
}

/// Users of an endpoint known to be down are told so; one command is kept for the next connection.
fn refuse_or_keep<Op, Reply>(
    pending: &mut Option<Job<Op, Reply>>,
    job: Job<Op, Reply>,
    down: Option<&Arc<str>>,
    moot: fn(&Op) -> Option<Reply>,
) {
    if let Some(done) = moot(&job.op) {
        job.answer(Ok(done));
    } else if job.urgency == Urgency::Command && pending.is_none() {
        *pending = Some(job);
    } else {
        job.answer(Err(LinkError::Offline(down.cloned().unwrap_or_else(|| "connecting".into()))));
    }
}
