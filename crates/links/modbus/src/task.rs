//! The task that owns one endpoint: the only file here that reads and writes a connection.

use crate::error::ConfigError;
use crate::overdue::Overdue;
use crate::pdu::{self, Decoded, IdentifyFrom};
use crate::session::{Envelope, Session, Step};
use crate::timing::LineTiming;
use crate::units::Units;
use bo_link::{Handle, LinkError, ModbusOp, ModbusReply, Urgency};
use bo_link_stream::{Connection, Endpoint, Line};
use bo_model::clock::SharedClock;
use bo_model::release::{LinkConfig, ModbusTiming};
use bo_runtime::shutdown::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll as Ready;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, sleep_until, timeout_at};

/// Waiting requests per lane.
const ROOM: usize = 1024;
/// Silence after bytes that are no reply, before they are given up.
const DOUBT: Duration = Duration::from_millis(50);
/// Requests in a row without any reply before a new connection is made: a cut cable looks like this.
const SILENT: u32 = 3;
/// Pause after a broadcast, in which units act on it ("Modbus over Serial Line V1.02" §2.4.1).
const TURNAROUND: Duration = Duration::from_millis(100);
/// Times a command is repeated when the device says that it is busy, and the first pause before that.
const BUSY: (u32, Duration) = (3, Duration::from_millis(50));
/// Pauses on a serial line up to this length are kept to the tenth of a millisecond.
const PRECISE: Duration = Duration::from_millis(5);
/// Bytes nobody asked for that are kept: two of the longest frames.
const MAX_STRAY: usize = 520;
/// Parts an identification may come in.
const IDENTITY_PARTS: usize = 64;

/// Starts the task of one Modbus endpoint. It ends when the last handle is gone or `shutdown` is signalled,
/// makes and re-makes its connection by itself, and carries out one transaction at a time.
///
/// Unit 0 on a serial line is a broadcast: it can be written, not read.
pub fn spawn(
    config: &LinkConfig,
    clock: SharedClock,
    shutdown: &Shutdown,
) -> Result<Handle<ModbusOp, ModbusReply>, ConfigError> {
    let (endpoint, timing, envelope, speed) = match config {
        LinkConfig::ModbusTcp { host, port, rtu_framing, tls, timing } => {
            let envelope = if *rtu_framing { Envelope::Rtu } else { Envelope::Mbap };
            (Endpoint::tcp(host, *port, tls.as_ref())?, timing.clone(), envelope, None)
        }
        LinkConfig::ModbusRtu { line, timing } => {
            if line.data_bits != 8 {
                return Err(ConfigError::DataBits(line.path.clone()));
            }
            (Endpoint::serial(line)?, timing.clone(), Envelope::Rtu, Some(LineTiming::of(line)))
        }
        _ => return Err(ConfigError::NotModbus),
    };
    let (handle, line) = Line::new(endpoint, ROOM, clock, |_| None);
    let task = Task {
        line,
        timing,
        speed,
        session: Session::new(envelope),
        envelope,
        units: Units::default(),
        quiet_until: Instant::now(),
        unanswered: 0,
        in_vain: false,
        overdue: Overdue::default(),
    };
    let ended = shutdown.clone();
    shutdown.spawn(async move {
        tokio::select! {
            () = task.run() => {}
            () = ended.signalled() => {}
        }
    });
    Ok(handle)
}

/// How a connection ended.
enum Ended {
    /// All handles are gone.
    Unused,
    /// It broke; `answered` tells whether anything was ever received over it, `during` which unit was being asked.
    Broken { why: Arc<str>, answered: bool, during: Option<u8> },
}

struct Task {
    line: Line<ModbusOp, ModbusReply>,
    timing: ModbusTiming,
    /// Of a serial line.
    speed: Option<LineTiming>,
    session: Session,
    envelope: Envelope,
    units: Units,
    /// No request before this.
    quiet_until: Instant,
    /// Requests in a row that nobody answered.
    unanswered: u32,
    /// The last request was waited for until the end of its time.
    in_vain: bool,
    overdue: Overdue,
}

impl Task {
    async fn run(mut self) {
        // Whose request ended the connection, and whether the one before was good for something.
        let (mut suspect, mut proved) = (None, false);
        while let Some((mut connection, was_down)) = self.line.connect().await {
            if was_down {
                self.units.forget_but(suspect);
            }
            self.unanswered = 0;
            self.session = Session::new(self.envelope);
            self.quiet_until = Instant::now() + self.timing.after_connect;
            self.remark();
            let Ended::Broken { why, answered, during } = self.serve(&mut connection).await else { return };
            tracing::info!(link = %self.line.endpoint(), %why, "connection ended");
            suspect = during;
            if let Some(unit) = during {
                // A gateway that hangs up on what is behind it would take the whole bus with it.
                self.units.silent(unit, Instant::now());
            }
            let proved_before = std::mem::replace(&mut proved, answered);
            if answered {
                // Gateways drop idle connections: that alone is no outage.
                self.line.worked();
            } else if during.is_some() && proved_before {
                // The one that was asked again: the others are well.
            } else if self.line.pause(why).await.is_none() {
                return;
            }
        }
    }

    async fn serve(&mut self, stream: &mut Connection) -> Ended {
        let mut answered = false;
        loop {
            let job = match self.line.pending.take() {
                Some(job) => job,
                None => {
                    let mut stray = [0u8; 64];
                    tokio::select! {
                        biased;
                        job = self.line.inbox.next() => match job {
                            Some(job) => job,
                            None => return Ended::Unused,
                        },
                        read = stream.read(&mut stray) => match read {
                            Ok(0) => return broken("closed by the peer", answered),
                            Ok(_) if self.envelope == Envelope::Rtu => continue,
                            Ok(count) => {
                                // The rest of a late frame, which the session needs; not a flood.
                                self.session.received().extend_from_slice(&stray[..count]);
                                if self.session.received().len() > MAX_STRAY {
                                    return broken("the peer sends without being asked", answered);
                                }
                                continue;
                            }
                            Err(error) => return broken(&error.to_string(), answered),
                        },
                    }
                }
            };
            if job.is_abandoned() {
                continue;
            }
            let unit = job.op.unit();
            match self.carry_out(stream, &job.op, job.urgency).await {
                Ok(result) => {
                    answered |= matches!(result, Ok(_) | Err(LinkError::Exception(_)));
                    if result.is_err() {
                        self.line.report.failed();
                    }
                    job.answer(result);
                    if self.unanswered >= SILENT && self.line.endpoint().is_network() {
                        return broken("several requests in a row were not answered", answered);
                    }
                }
                Err(why) => {
                    self.line.report.failed();
                    // A read is asked again over the next connection, if this one ever worked.
                    if pdu::is_read(&job.op) && answered {
                        self.line.pending = Some(job);
                    } else if pdu::is_read(&job.op) {
                        job.answer(Err(LinkError::Offline(why.clone())));
                    } else {
                        job.answer(Err(LinkError::Offline(
                            format!("{why}; whether the device took the write is not known").into(),
                        )));
                    }
                    return Ended::Broken { why, answered, during: Some(unit) };
                }
            }
        }
    }

    /// One request with its repetitions. The outer error means that the connection is lost.
    async fn carry_out(
        &mut self,
        stream: &mut Connection,
        op: &ModbusOp,
        urgency: Urgency,
    ) -> Result<Result<ModbusReply, LinkError>, Arc<str>> {
        if let Err(refused) = pdu::check(op) {
            return Ok(Err(refused));
        }
        let unit = op.unit();
        if let Err(left) = self.units.may_ask(unit, urgency, Instant::now()) {
            return Ok(Err(LinkError::BackedOff(self.line.report.now().after(left).rfc3339().into())));
        }
        let mut from = IdentifyFrom::START;
        let mut identity = Vec::new();
        let (mut busy, mut garbled, mut parts) = (0, 0, 0);
        loop {
            let error = match self.transaction(stream, op, from).await? {
                Ok(Decoded::Done(reply)) => {
                    self.units.answered(unit);
                    return Ok(Ok(match reply {
                        ModbusReply::Identity(last) => {
                            identity.extend(last);
                            ModbusReply::Identity(identity)
                        }
                        other => other,
                    }));
                }
                Ok(Decoded::More(objects, next)) => {
                    identity.extend(objects);
                    parts += 1;
                    if parts > IDENTITY_PARTS || next <= from.object {
                        return Ok(Err(LinkError::Protocol("the identification does not end".into())));
                    }
                    from.object = next;
                    continue;
                }
                Err(error) => error,
            };
            match &error {
                // The gateway speaks for the unit behind it: the unit is to blame, the bus is well.
                LinkError::Exception(0x0A | 0x0B) | LinkError::Timeout => {
                    self.units.silent(unit, Instant::now());
                }
                // The device took the write and is at work on it.
                LinkError::Exception(5) if pdu::is_write(op) => {
                    self.units.answered(unit);
                    return Ok(Ok(ModbusReply::Written));
                }
                LinkError::Exception(5 | 6) if urgency == Urgency::Command && busy < BUSY.0 => {
                    self.quiet_until = Instant::now() + BUSY.1 * (1 << busy);
                    busy += 1;
                    continue;
                }
                LinkError::Exception(_) => {
                    self.units.answered(unit);
                    // Devices of little conformity refuse what they should answer in part.
                    if matches!(op, ModbusOp::Identify { .. }) && from == IdentifyFrom::START {
                        from.level = 1;
                        continue;
                    }
                }
                LinkError::Protocol(_) if pdu::is_read(op) && garbled == 0 => {
                    garbled += 1;
                    continue;
                }
                // Half a reply costs the others as much time as none.
                LinkError::Protocol(_) if self.in_vain => self.units.silent(unit, Instant::now()),
                _ => {}
            }
            return Ok(Err(error));
        }
    }

    /// Says what is wrong with a link that is up.
    fn remark(&mut self) {
        let remark = self.overdue.remark(self.timing.timeout, Instant::now());
        self.line.report.limited(remark);
    }

    /// The pause before the next request. A timer of the runtime is up to a millisecond late, which on a fast
    /// line is a good part of each transaction, so the end of a serial pause is slept on a thread of its own.
    async fn keep_quiet(&self) {
        let left = self.quiet_until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        if self.speed.is_none() || left > PRECISE {
            sleep_until(self.quiet_until).await;
        } else {
            let _ = tokio::task::spawn_blocking(move || std::thread::sleep(left)).await;
        }
    }

    /// One request and its reply. The outer error means that the connection is lost.
    async fn transaction(
        &mut self,
        stream: &mut Connection,
        op: &ModbusOp,
        from: IdentifyFrom,
    ) -> Result<Result<Decoded, LinkError>, Arc<str>> {
        let broadcast = self.envelope == Envelope::Rtu && op.unit() == 0;
        if broadcast && pdu::is_read(op) {
            return Ok(Err(LinkError::Invalid(
                "unit 0 on a serial line is everybody: it can be written, not read".into(),
            )));
        }
        self.keep_quiet().await;
        if self.envelope == Envelope::Rtu {
            drain(stream).await;
        }
        self.line.report.sent();
        let request = self.session.request(op, from);
        let wire = self.speed.map_or(Duration::ZERO, |speed| {
            speed.characters(request.len() + Session::longest_reply(op)) + speed.silence
        });
        let mut deadline = Instant::now() + self.timing.timeout + wire;
        let sent = timeout_at(deadline, async {
            stream.write_all(request).await?;
            stream.flush().await
        });
        match sent.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(error.to_string().into()),
            Err(_) => return Err("the peer takes no more bytes".into()),
        }
        if broadcast {
            self.quiet_until = Instant::now() + TURNAROUND + self.timing.gap;
            return Ok(Ok(Decoded::Done(ModbusReply::Written)));
        }
        let limit = deadline;
        self.in_vain = false;
        let result = loop {
            match timeout_at(deadline, stream.read_buf(self.session.received())).await {
                Ok(Ok(0)) => return Err("closed by the peer".into()),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error.to_string().into()),
                Err(_) => {
                    self.unanswered += 1;
                    self.in_vain = Instant::now() >= limit;
                    break Err(self.session.gave_up(op));
                }
            }
            match self.session.step(op) {
                Step::Wait => deadline = limit,
                Step::Doubtful => deadline = limit.min(Instant::now() + DOUBT),
                Step::Lost(why) => return Err(why),
                Step::Reply(reply) => {
                    if !matches!(reply, Err(LinkError::Protocol(_))) {
                        self.unanswered = 0;
                        self.line.report.proved();
                    }
                    break reply;
                }
            }
        };
        match self.session.overdue() {
            0 if !self.overdue.is_known() => {}
            count => {
                if count > 0 {
                    // Somebody is there: a new connection would not make it faster.
                    self.unanswered = 0;
                    self.overdue.saw(count, Instant::now());
                }
                self.remark();
            }
        }
        let silence = self.speed.map_or(Duration::ZERO, |speed| speed.silence);
        let pause = silence + self.timing.gap;
        if !pause.is_zero() {
            self.quiet_until = Instant::now() + pause;
        }
        Ok(result)
    }
}

fn broken(why: &str, answered: bool) -> Ended {
    Ended::Broken { why: why.into(), answered, during: None }
}

/// Takes away what arrived unasked, without waiting.
async fn drain(stream: &mut Connection) {
    let mut scratch = [0u8; 256];
    for _ in 0..8 {
        let mut buffer = ReadBuf::new(&mut scratch);
        let ready = std::future::poll_fn(|context| {
            Ready::Ready(Pin::new(&mut *stream).poll_read(context, &mut buffer).is_ready())
        });
        if !ready.await || buffer.filled().is_empty() {
            return;
        }
    }
}
