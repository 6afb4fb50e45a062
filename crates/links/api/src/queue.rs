//! The bounded two-lane queue between a link's users and its task.

use crate::mailbox::{Receiver, Refused, Sender, mailbox};
use crate::{Health, LinkError};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

/// Which lane a request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Reading what is due.
    Poll,
    /// Somebody or some rule waits for it.
    Command,
}

/// After this many commands in a row one waiting poll is taken, so that a busy rule can't blind the site.
const COMMANDS_IN_A_ROW: u32 = 8;

/// One request on its way to the link's task.
#[derive(Debug)]
pub struct Job<Op, Reply> {
    /// What to do.
    pub op: Op,
    /// The lane it came by: a command may probe a device that polls leave alone.
    pub urgency: Urgency,
    asker: Asker<Reply>,
}

impl<Op, Reply> Job<Op, Reply> {
    /// Gives the answer; the asker may be gone.
    pub fn answer(self, result: Result<Reply, LinkError>) {
        self.asker.answer(result);
    }

    /// When its asker stops waiting; the task drops it unsent after that.
    pub fn deadline(&self) -> Instant {
        self.asker.deadline
    }

    /// True when nobody waits any more.
    pub fn is_abandoned(&self) -> bool {
        self.asker.is_abandoned()
    }

    /// What to do, and who asks.
    pub fn split(self) -> (Op, Asker<Reply>) {
        (self.op, self.asker)
    }
}

/// Boxed, so that the few places an empty lane keeps are small ones.
type Waiting<Op, Reply> = Box<Job<Op, Reply>>;

/// Who waits for an answer.
#[derive(Debug)]
pub struct Asker<Reply> {
    /// When they stop waiting.
    pub deadline: Instant,
    reply: Back<Reply>,
}

/// The way back.
enum Back<Reply> {
    Once(oneshot::Sender<Result<Reply, LinkError>>),
    Call(Box<dyn FnOnce(Result<Reply, LinkError>) + Send + Sync>),
}

impl<Reply> std::fmt::Debug for Back<Reply> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Back::Once(_) => "Once",
            Back::Call(_) => "Call",
        })
    }
}

impl<Reply> Asker<Reply> {
    /// One that is called with the answer, by the link's task or by whoever asks: it must not block, nor ask the link again. When
    /// the link goes away it may never be called.
    pub fn call(
        deadline: Instant,
        back: impl FnOnce(Result<Reply, LinkError>) + Send + Sync + 'static,
    ) -> Asker<Reply> {
        Asker { deadline, reply: Back::Call(Box::new(back)) }
    }

    /// One that waits for a channel.
    pub fn wait(deadline: Instant) -> (Asker<Reply>, oneshot::Receiver<Result<Reply, LinkError>>) {
        let (reply, answer) = oneshot::channel();
        (Asker { deadline, reply: Back::Once(reply) }, answer)
    }

    /// Gives the answer; the asker may be gone.
    pub fn answer(self, result: Result<Reply, LinkError>) {
        match self.reply {
            Back::Once(reply) => drop(reply.send(result)),
            Back::Call(back) => back(result),
        }
    }

    /// True when nobody waits any more.
    pub fn is_abandoned(&self) -> bool {
        matches!(&self.reply, Back::Once(reply) if reply.is_closed()) || Instant::now() >= self.deadline
    }
}

/// The users' side. Cheap to clone.
#[derive(Debug)]
pub struct Handle<Op, Reply> {
    polls: Sender<Waiting<Op, Reply>>,
    commands: Sender<Waiting<Op, Reply>>,
    health: watch::Receiver<Health>,
}

impl<Op, Reply> Clone for Handle<Op, Reply> {
    fn clone(&self) -> Self {
        Handle { polls: self.polls.clone(), commands: self.commands.clone(), health: self.health.clone() }
    }
}

impl<Op, Reply> Handle<Op, Reply> {
    /// Sends `op` and waits for its reply, `within` at most, waiting in the queue included.
    pub async fn call(&self, op: Op, urgency: Urgency, within: Duration) -> Result<Reply, LinkError> {
        let deadline = Instant::now() + within;
        let (asker, answer) = Asker::wait(deadline);
        let lane = match urgency {
            Urgency::Poll => &self.polls,
            Urgency::Command => &self.commands,
        };
        lane.try_send(Box::new(Job { op, urgency, asker })).map_err(|error| match error {
            Refused::Full => LinkError::Busy,
            Refused::Closed => LinkError::Closed,
        })?;
        match tokio::time::timeout_at(deadline, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(LinkError::Closed),
            Err(_) => Err(LinkError::Timeout),
        }
    }

    /// The link's health as it changes.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }
}

/// The task's side.
#[derive(Debug)]
pub struct Inbox<Op, Reply> {
    polls: Receiver<Waiting<Op, Reply>>,
    commands: Receiver<Waiting<Op, Reply>>,
    commands_in_a_row: u32,
}

impl<Op, Reply> Inbox<Op, Reply> {
    /// The next request somebody still waits for: commands first, but not for ever. `None` when all users are gone.
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<Job<Op, Reply>> {
        loop {
            let job = if self.commands_in_a_row >= COMMANDS_IN_A_ROW
                && let Some(poll) = self.polls.try_recv()
            {
                self.commands_in_a_row = 0;
                poll
            } else {
                tokio::select! {
                    biased;
                    Some(command) = self.commands.recv() => {
                        self.commands_in_a_row += 1;
                        command
                    }
                    Some(poll) = self.polls.recv() => {
                        self.commands_in_a_row = 0;
                        poll
                    }
                    else => return None,
                }
            };
            if !job.is_abandoned() {
                return Some(*job);
            }
        }
    }
}

/// Both sides of a link's queue with `room` waiting requests per lane. The task publishes through the `watch` sender.
pub fn queue<Op, Reply>(room: usize) -> (Handle<Op, Reply>, Inbox<Op, Reply>, watch::Sender<Health>) {
    let (polls, poll_inbox) = mailbox(room);
    let (commands, command_inbox) = mailbox(room);
    let (publish, health) = watch::channel(Health::default());
    (
        Handle { polls, commands, health },
        Inbox { polls: poll_inbox, commands: command_inbox, commands_in_a_row: 0 },
        publish,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(handle: Handle<u32, u32>, op: u32, urgency: Urgency) -> Result<u32, LinkError> {
        handle.call(op, urgency, Duration::from_secs(5)).await
    }

    #[tokio::test]
    async fn commands_overtake_polls_without_starving_them() {
        let (handle, mut inbox, _health) = queue::<u32, u32>(64);
        let mut askers = Vec::new();
        for poll in 0..2 {
            askers.push(tokio::spawn(ask(handle.clone(), poll, Urgency::Poll)));
        }
        for command in 100..120 {
            askers.push(tokio::spawn(ask(handle.clone(), command, Urgency::Command)));
        }
        tokio::task::yield_now().await;
        let mut order = Vec::new();
        for _ in 0..22 {
            let job = inbox.next().await.unwrap();
            order.push(job.op);
            let op = job.op;
            job.answer(Ok(op));
        }
        let first_poll = order.iter().position(|op| *op < 100).unwrap();
        assert_eq!(first_poll, COMMANDS_IN_A_ROW as usize, "{order:?}");
        for asker in askers {
            asker.await.unwrap().unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_nobody_waits_for_is_never_sent() {
        let (handle, mut inbox, _health) = queue::<u32, u32>(4);
        let late = handle.call(1, Urgency::Poll, Duration::from_millis(10)).await;
        assert_eq!(late, Err(LinkError::Timeout));
        let asker = tokio::spawn(ask(handle.clone(), 2, Urgency::Poll));
        assert_eq!(inbox.next().await.unwrap().op, 2);
        drop(inbox);
        assert_eq!(asker.await.unwrap(), Err(LinkError::Closed));
    }

    #[tokio::test]
    async fn a_full_queue_says_so_at_once() {
        let (handle, _inbox, _health) = queue::<u32, u32>(1);
        let first = tokio::spawn(ask(handle.clone(), 1, Urgency::Poll));
        tokio::task::yield_now().await;
        assert_eq!(ask(handle, 2, Urgency::Poll).await, Err(LinkError::Busy));
        first.abort();
    }
}
