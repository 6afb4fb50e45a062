//! A power cut, as well as a process can have one: a child appends and says what is durable, is killed at a random instant, and
//! the journal it leaves behind must have all of that, without a hole, and go on where it ended.

use backoffice_edge::journal::{Journal, Limits};
use bo_model::clock::SharedClock;
use bo_model::{SystemClock, Time};
use bo_wire::{Body, Class, Cursor, LogLevel, LogLine};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

const ROUNDS: u64 = 12;
const CHILD: &str = "BO_JOURNAL_CRASH_CHILD";

fn line(n: u64) -> Body {
    Body::Log(LogLine { device: None, level: LogLevel::Info, text: format!("record {n}") })
}

fn open(path: &Path) -> Journal {
    let clock: SharedClock = Arc::new(SystemClock);
    Journal::open(path, Limits::default(), clock).unwrap()
}

fn say(class: Class, seq: u64) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "durable {} {seq}", class as usize)?;
    out.flush()
}

/// The child's life: appends to two classes at once, acknowledges some, prints `class seq` for what is durable.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the other test, which kills it"]
async fn child() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let journal = open(Path::new(&path));
    let mut tasks = Vec::new();
    for class in [Class::Alarm, Class::History] {
        for _ in 0..20 {
            let journal = journal.clone();
            tasks.push(tokio::spawn(async move {
                loop {
                    let Ok(seq) = journal.append_durable(class, Time(1), line(0)).await else { return };
                    if say(class, seq).is_err() {
                        return; // the parent is gone
                    }
                    if seq % 50 == 0 {
                        let epoch = journal.state().epoch;
                        journal.acknowledge(vec![Cursor { class, epoch, seq: seq - 40 }]).await;
                    }
                }
            }));
        }
    }
    for task in tasks {
        let _ = task.await;
    }
}

#[tokio::test]
async fn what_was_called_durable_survives_a_kill_at_any_instant() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut durable = [0u64; 6];
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--ignored", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // A different instant each round, by what was achieved and not by the clock.
        let target = 30 + (round * 7919) % 600;
        let mut seen = 0;
        let mut note = |text: String| {
            let mut words = text.split_whitespace().skip_while(|word| *word != "durable").skip(1);
            if let (Some(class), Some(seq)) = (words.next(), words.next()) {
                let (class, seq): (usize, u64) = (class.parse().unwrap(), seq.parse().unwrap_or(0));
                durable[class] = durable[class].max(seq);
                return 1;
            }
            0
        };
        while seen < target {
            seen += note(lines.next().expect("the child works until it is killed").unwrap());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What was on its way through the pipe had been called durable too; the last line may be cut.
        let rest: Vec<String> = lines.map_while(Result::ok).collect();
        let whole = rest.len().saturating_sub(1);
        for text in rest.into_iter().take(whole) {
            note(text);
        }

        let journal = open(&path);
        let state = journal.state();
        for class in [Class::Alarm, Class::History] {
            let at = class as usize;
            assert!(
                state.written[at] >= durable[at],
                "round {round}: {} of {}",
                state.written[at],
                durable[at]
            );
            let records = journal.read_after(class, state.acknowledged[at], usize::MAX).unwrap();
            let seqs: Vec<u64> = records.iter().map(|record| record.seq).collect();
            let expected: Vec<u64> = (state.acknowledged[at] + 1..=state.written[at]).collect();
            assert_eq!(seqs, expected, "round {round}: {} has a hole", class.word());
            assert!(records.iter().all(|record| record.body == line(0)), "round {round}");
        }
        journal.close().await;
    }
    assert!(durable[Class::Alarm as usize] > 100 && durable[Class::History as usize] > 100);
}
