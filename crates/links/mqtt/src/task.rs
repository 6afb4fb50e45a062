//! The session with a broker: the only file here that touches a socket (through `rumqttc`).
//!
//! Each user of the link gets a handle and a listener of its own. A publish with QoS 1 is answered when the broker has it, one
//! with QoS 0 when it is written. Nothing is kept over a disconnect: a command that could not be sent is refused at once and
//! never replayed.

use crate::config::MqttConfig;
use crate::listeners::{Change, Listener, Listeners};
use crate::topic::{is_filter, is_topic};
use bo_link::{Handle, Health, Inbox, Job, LinkError, MqttMessage, MqttOp, Reporter, queue};
use bo_model::clock::SharedClock;
use bo_runtime::{Backoff, Shutdown, backoff};
use rumqttc::{
    AsyncClient, Event, EventLoop, MqttOptions, Outgoing, Packet, QoS, SubscribeFilter, TlsConfiguration,
    Transport,
};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Largest message in or out.
const MAX_PACKET: usize = 1024 * 1024;
/// Requests on their way into the session.
const REQUESTS: usize = 1_024;
/// Publishes the broker has not acknowledged.
const IN_FLIGHT: u16 = 256;
const KEEP_ALIVE: Duration = Duration::from_secs(30);

type Waiting = Job<MqttOp, ()>;

/// A link to a broker. Cheap to clone; ends with the `Shutdown` it was spawned with.
#[derive(Clone)]
pub struct MqttLink {
    session: Arc<Session>,
    listeners: Arc<Listeners>,
    health: watch::Receiver<Health>,
    clock: SharedClock,
    shutdown: Shutdown,
    room: usize,
}

/// What the users' tasks and the connection's task share.
struct Session {
    now: Mutex<Result<Connected, Arc<str>>>,
}

struct Connected {
    client: AsyncClient,
    /// Publishes handed to the client, in order, until it says that it wrote them.
    written: VecDeque<Waiting>,
    /// Publishes with QoS 1 the broker has not acknowledged, by packet id.
    acknowledged: HashMap<u16, Waiting>,
}

impl Session {
    fn lock(&self) -> MutexGuard<'_, Result<Connected, Arc<str>>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection is gone: everybody who waits is told.
    fn down(&self, why: &Arc<str>) {
        let before = std::mem::replace(&mut *self.lock(), Err(why.clone()));
        if let Ok(connected) = before {
            for job in connected.written.into_iter().chain(connected.acknowledged.into_values()) {
                job.answer(Err(LinkError::Offline(why.clone())));
            }
        }
    }

    fn publish(&self, job: Waiting, message: MqttMessage) {
        let qos = match message.qos {
            0 => QoS::AtMostOnce,
            1 => QoS::AtLeastOnce,
            _ => QoS::ExactlyOnce,
        };
        if !is_topic(&message.topic) {
            return job.answer(Err(LinkError::Invalid(format!("`{}` is not a topic", message.topic).into())));
        }
        if message.payload.len() + message.topic.len() + 16 > MAX_PACKET {
            let why =
                format!("a message of {} bytes is over the limit of {MAX_PACKET}", message.payload.len());
            return job.answer(Err(LinkError::Invalid(why.into())));
        }
        let mut now = self.lock();
        match &mut *now {
            Err(why) => job.answer(Err(LinkError::Offline(why.clone()))),
            Ok(connected) => {
                // Under the lock, so that the order in `written` is the client's.
                let sent = connected.client.try_publish(message.topic, qos, message.retain, message.payload);
                match sent {
                    Ok(()) => connected.written.push_back(job),
                    Err(_) => job.answer(Err(LinkError::Busy)),
                }
            }
        }
    }

    fn change(&self, change: Change) -> Result<(), LinkError> {
        let mut now = self.lock();
        let Ok(connected) = &mut *now else { return Ok(()) }; // asked for on connecting
        for filter in change.subscribe {
            connected.client.try_subscribe(filter, QoS::AtLeastOnce).map_err(|_| LinkError::Busy)?;
        }
        for filter in change.unsubscribe {
            connected.client.try_unsubscribe(filter).map_err(|_| LinkError::Busy)?;
        }
        Ok(())
    }
}

/// Connects, and stays connected with back-off, until `shutdown`.
pub fn spawn(config: MqttConfig, clock: SharedClock, shutdown: &Shutdown) -> MqttLink {
    let (publish, health) = watch::channel(Health::default());
    let session = Arc::new(Session { now: Mutex::new(Err("not connected yet".into())) });
    let listeners = Arc::new(Listeners::default());
    let link = MqttLink {
        session: session.clone(),
        listeners: listeners.clone(),
        health,
        clock: clock.clone(),
        shutdown: shutdown.clone(),
        room: config.room,
    };
    let reporter = Reporter::new(publish, clock);
    shutdown.spawn(run(config, session, listeners, reporter, shutdown.clone()));
    link
}

impl MqttLink {
    /// A handle and a listener for one user (a device). `filters` are subscribed at once and again after each reconnect;
    /// `MqttOp::Subscribe` on the handle adds to them. `room` messages may wait; beyond that the newest are dropped and counted.
    pub fn user(&self, filters: &[String], room: usize) -> Result<(Handle<MqttOp, ()>, Listener), LinkError> {
        let listener = self.listeners.join(room);
        for filter in filters {
            self.subscribe(listener.who(), filter)?;
        }
        let (handle, inbox, publish) = queue(self.room);
        let reporter = Reporter::new(publish.clone(), self.clock.clone());
        self.shutdown.spawn(self.clone().serve(listener.who(), inbox, publish, reporter));
        Ok((handle, listener))
    }

    /// The link's health as it changes.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    fn subscribe(&self, who: u32, filter: &str) -> Result<(), LinkError> {
        if !is_filter(filter) {
            return Err(LinkError::Invalid(format!("`{filter}` is not a topic filter").into()));
        }
        let change = self.listeners.add(who, filter);
        self.session.change(change)?;
        let unsubscribe = self.listeners.given_back();
        self.session.change(Change { subscribe: Vec::new(), unsubscribe })
    }

    /// Takes one user's requests until it is gone.
    async fn serve(
        self,
        who: u32,
        mut inbox: Inbox<MqttOp, ()>,
        publish: watch::Sender<Health>,
        mut reporter: Reporter,
    ) {
        let mut health = self.health.clone();
        publish.send_replace(health.borrow_and_update().clone());
        loop {
            let job = tokio::select! {
                job = inbox.next() => job,
                changed = health.changed() => {
                    if changed.is_ok() {
                        publish.send_replace(health.borrow_and_update().clone());
                        continue;
                    }
                    None
                }
                () = self.shutdown.signalled() => None,
            };
            let Some(job) = job else { return };
            reporter.sent();
            match job.op.clone() {
                MqttOp::Publish(message) => self.session.publish(job, message),
                MqttOp::Subscribe(filter) => {
                    let done = self.subscribe(who, &filter);
                    job.answer(done);
                }
            }
        }
    }
}

fn open(config: &MqttConfig) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(&config.client_id, &config.host, config.port);
    options.set_max_packet_size(MAX_PACKET, MAX_PACKET).set_keep_alive(KEEP_ALIVE);
    options.set_clean_session(true).set_inflight(IN_FLIGHT);
    if let Some(tls) = &config.tls {
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls.clone())));
    }
    if let Some((user, password)) = &config.login {
        options.set_credentials(user, password);
    }
    let (client, mut events) = AsyncClient::new(options, REQUESTS);
    events.network_options.set_tcp_nodelay(true);
    (client, events)
}

async fn run(
    config: MqttConfig,
    session: Arc<Session>,
    listeners: Arc<Listeners>,
    mut reporter: Reporter,
    shutdown: Shutdown,
) {
    let mut pause = Backoff::new(Duration::from_millis(250), Duration::from_secs(30));
    let mut stamp = 0;
    loop {
        let (client, events) = open(&config);
        let connected = converse(client, events, &session, &listeners, &mut reporter, &mut pause, &mut stamp);
        let why = tokio::select! {
            why = connected => why,
            () = shutdown.signalled() => {
                session.down(&"the link was closed".into());
                return;
            }
        };
        reporter.down(&why);
        session.down(&why);
        tracing::warn!(host = %config.host, port = config.port, %why, "MQTT link down");
        tokio::select! {
            () = tokio::time::sleep(pause.failed(backoff::jitter())) => {}
            () = shutdown.signalled() => return,
        }
    }
}

/// One connection, until it ends. Returns why.
async fn converse(
    client: AsyncClient,
    mut events: EventLoop,
    session: &Session,
    listeners: &Listeners,
    reporter: &mut Reporter,
    pause: &mut Backoff,
    stamp: &mut u64,
) -> Arc<str> {
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                let filters = listeners.reconnected();
                if !filters.is_empty() {
                    let all =
                        filters.into_iter().map(|filter| SubscribeFilter::new(filter, QoS::AtLeastOnce));
                    if client.try_subscribe_many(all).is_err() {
                        return "could not subscribe".into();
                    }
                }
                *session.lock() = Ok(Connected {
                    client: client.clone(),
                    written: VecDeque::new(),
                    acknowledged: HashMap::new(),
                });
                pause.succeeded();
                reporter.up();
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                *stamp += 1;
                reporter.proved();
                let message = MqttMessage {
                    topic: publish.topic,
                    payload: publish.payload,
                    qos: publish.qos as u8,
                    retain: publish.retain,
                };
                for _ in 0..listeners.deliver(&message, *stamp) {
                    reporter.failed();
                }
            }
            Ok(Event::Outgoing(Outgoing::Publish(id))) => {
                if let Ok(connected) = &mut *session.lock()
                    && let Some(job) = connected.written.pop_front()
                {
                    match &job.op {
                        MqttOp::Publish(message) if message.qos > 0 => {
                            connected.acknowledged.insert(id, job);
                        }
                        _ => job.answer(Ok(())),
                    }
                }
            }
            Ok(Event::Incoming(Packet::PubAck(ack))) => acknowledged(session, ack.pkid, reporter),
            Ok(Event::Incoming(Packet::PubComp(ack))) => acknowledged(session, ack.pkid, reporter),
            Ok(Event::Incoming(Packet::SubAck(ack))) => {
                reporter.proved();
                if ack.return_codes.contains(&rumqttc::SubscribeReasonCode::Failure) {
                    reporter.failed();
                    tracing::warn!("the broker refused a subscription");
                }
            }
            Ok(Event::Incoming(Packet::PingResp)) => reporter.proved(),
            Ok(_) => {}
            Err(error) => return error.to_string().into(),
        }
    }
}

fn acknowledged(session: &Session, id: u16, reporter: &mut Reporter) {
    reporter.proved();
    if let Ok(connected) = &mut *session.lock()
        && let Some(job) = connected.acknowledged.remove(&id)
    {
        job.answer(Ok(()));
    }
}
