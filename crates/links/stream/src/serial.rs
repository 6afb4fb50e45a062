//! Serial ports: opening one with its line settings, and turning a two-wire RS-485 line round.

use crate::error::ConfigError;
use bo_model::release::{Direction, Parity, SerialLine};
use serial2::rs4xx::{Rs485Config, TransceiverMode};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};
use tokio_serial::{SerialPort, SerialPortBuilderExt, SerialStream};

/// Characters that may still be in the port's own buffer when the kernel's is empty: the last but one and the one on
/// the wire. Ports with a deeper buffer want `direction = "kernel"`.
const TAIL: u32 = 2;
/// Pauses are never shorter: the runtime's clock ticks in milliseconds.
const TICK: Duration = Duration::from_millis(1);

/// Refuses line settings that no port has.
pub(crate) fn check(line: &SerialLine) -> Result<(), ConfigError> {
    let wrong = |what| Err(ConfigError::Line { path: line.path.clone(), what });
    match line {
        SerialLine { baud: 0..50, .. } => wrong("baud must be at least 50"),
        SerialLine { data_bits: 0..5 | 9.., .. } => wrong("data_bits must be 5 to 8"),
        SerialLine { stop_bits: 0 | 3.., .. } => wrong("stop_bits must be 1 or 2"),
        _ => Ok(()),
    }
}

/// An open port.
pub struct Port {
    stream: SerialStream,
    /// Present when the agent turns the line round.
    turn: Option<Turn>,
    /// Holds the kernel's RS-485 mode for as long as the port is open.
    _kernel: Option<serial2::SerialPort>,
}

impl Port {
    /// Opens it for this process alone. The error is a sentence.
    pub(crate) fn open(line: &SerialLine) -> Result<Port, Arc<str>> {
        // Before the port is taken: nobody else may open it then, were it this process.
        let kernel = match line.direction {
            Direction::Kernel => Some(kernel(line)?),
            Direction::Adapter | Direction::Rts => None,
        };
        let mut stream = tokio_serial::new(line.path.to_string_lossy(), line.baud)
            .data_bits(match line.data_bits {
                5 => tokio_serial::DataBits::Five,
                6 => tokio_serial::DataBits::Six,
                7 => tokio_serial::DataBits::Seven,
                _ => tokio_serial::DataBits::Eight,
            })
            .parity(match line.parity {
                Parity::None => tokio_serial::Parity::None,
                Parity::Even => tokio_serial::Parity::Even,
                Parity::Odd => tokio_serial::Parity::Odd,
            })
            .stop_bits(match line.stop_bits {
                2 => tokio_serial::StopBits::Two,
                _ => tokio_serial::StopBits::One,
            })
            .open_native_async()
            .map_err(|error| Arc::<str>::from(error.to_string()))?;
        let turn = match line.direction {
            Direction::Rts => {
                stream.write_request_to_send(false).map_err(|error| {
                    format!(
                        "the port has no RTS line to turn RS-485 round with (`direction = \"rts\"`): {error}"
                    )
                })?;
                Some(Turn::new(character(line)))
            }
            Direction::Adapter | Direction::Kernel => None,
        };
        Ok(Port { stream, turn, _kernel: kernel })
    }
}

/// Asks the port's driver to turn the line round, with RTS high while it sends.
fn kernel(line: &SerialLine) -> Result<serial2::SerialPort, Arc<str>> {
    let port = serial2::SerialPort::open(&line.path, serial2::KeepSettings)
        .map_err(|error| Arc::<str>::from(error.to_string()))?;
    port.set_rs4xx_mode(TransceiverMode::Rs485(Rs485Config::new())).map_err(|error| {
        format!("the port's driver can't turn RS-485 round (`direction = \"kernel\"`): {error}")
    })?;
    Ok(port)
}

/// How long one character takes on the wire.
fn character(line: &SerialLine) -> Duration {
    let parity = u32::from(line.parity != Parity::None);
    let bits = 1 + u32::from(line.data_bits) + parity + u32::from(line.stop_bits);
    Duration::from_secs(1) / line.baud.max(1) * bits
}

impl AsyncRead for Port {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Port {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Port { stream, turn, .. } = &mut *self;
        if let Some(turn) = turn {
            turn.begin(stream)?;
        }
        Pin::new(stream).poll_write(context, bytes)
    }

    /// Ready when the line is free for the answer. Without turning round that is at once: waiting for the wire here
    /// would hold up everybody else on this thread.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Port { stream, turn, .. } = &mut *self;
        match turn {
            Some(turn) => turn.poll_end(stream, context),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}

/// What turning round needs of a port.
trait Wires {
    fn rts(&mut self, high: bool) -> io::Result<()>;
    /// Bytes the kernel has not sent yet.
    fn unsent(&self) -> io::Result<u32>;
}

impl Wires for SerialStream {
    fn rts(&mut self, high: bool) -> io::Result<()> {
        self.write_request_to_send(high).map_err(io::Error::from)
    }

    fn unsent(&self) -> io::Result<u32> {
        self.bytes_to_write().map_err(io::Error::from)
    }
}

/// Raises RTS before the first byte, and lowers it when the last one has left the wire.
struct Turn {
    character: Duration,
    sending: bool,
    /// The kernel's buffer was empty; the port's own is by the end of `pause`.
    tail: bool,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Turn {
    fn new(character: Duration) -> Turn {
        Turn { character, sending: false, tail: false, pause: None }
    }

    fn begin(&mut self, wires: &mut impl Wires) -> io::Result<()> {
        if !self.sending {
            wires.rts(true)?;
            (self.sending, self.tail, self.pause) = (true, false, None);
        }
        Ok(())
    }

    fn poll_end(&mut self, wires: &mut impl Wires, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sending {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(context));
                self.pause = None;
            }
            match wires.unsent()? {
                0 if self.tail => {
                    wires.rts(false)?;
                    self.sending = false;
                }
                0 => {
                    self.tail = true;
                    self.wait(self.character * TAIL);
                }
                unsent => self.wait((self.character * unsent).max(TICK)),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn wait(&mut self, time: Duration) {
        let at = Instant::now() + time;
        self.pause = Some(Box::pin(sleep(at.saturating_duration_since(Instant::now()))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A port that sends one byte each 1.04 ms, as at 9600 baud.
    struct Wire {
        sent_at: Option<(Instant, u32)>,
        log: Vec<(bool, Duration)>,
        start: Instant,
    }

    const CHARACTER: Duration = Duration::from_micros(1042);

    impl Wires for Wire {
        fn rts(&mut self, high: bool) -> io::Result<()> {
            self.log.push((high, self.start.elapsed()));
            Ok(())
        }

        fn unsent(&self) -> io::Result<u32> {
            let Some((at, count)) = self.sent_at else { return Ok(0) };
            let gone = at.elapsed().as_micros() / CHARACTER.as_micros();
            Ok(count.saturating_sub(u32::try_from(gone).unwrap_or(u32::MAX)))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rts_is_high_from_the_first_byte_to_the_last_and_no_longer_than_an_answer_may_take() {
        let mut wire = Wire { sent_at: None, log: Vec::new(), start: Instant::now() };
        let mut turn = Turn::new(CHARACTER);
        turn.begin(&mut wire).unwrap();
        wire.sent_at = Some((Instant::now(), 8));
        turn.begin(&mut wire).unwrap();
        std::future::poll_fn(|context| turn.poll_end(&mut wire, context)).await.unwrap();
        let [(true, up), (false, down)] = wire.log[..] else { panic!("{:?}", wire.log) };
        assert_eq!(up, Duration::ZERO);
        // A device may answer after 3.5 characters of silence.
        assert!(down >= CHARACTER * 8 && down <= CHARACTER * 8 + CHARACTER * 7 / 2 + TICK, "{down:?}");
        assert!(!turn.sending);
    }

    #[test]
    fn line_settings_no_port_has_are_refused_with_their_key() {
        let line = SerialLine::new("/dev/ttyS9", 9600);
        assert!(check(&line).is_ok());
        for (line, key) in [
            (SerialLine { baud: 0, ..line.clone() }, "baud"),
            (SerialLine { data_bits: 9, ..line.clone() }, "data_bits"),
            (SerialLine { stop_bits: 3, ..line.clone() }, "stop_bits"),
        ] {
            let error = check(&line).unwrap_err().to_string();
            assert!(error.contains(key) && error.contains("/dev/ttyS9"), "{error}");
        }
    }
}
