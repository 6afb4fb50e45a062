//! What a journal does when the disk is short, full, and has room again.

use super::*;
use bo_model::SystemClock;
use bo_wire::{AuditEntry, LogLevel, LogLine};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

fn clock() -> SharedClock {
    Arc::new(SystemClock)
}

fn line(seed: u64) -> Body {
    Body::Log(LogLine { device: None, level: LogLevel::Info, text: super::tests::noise(seed, 10_000) })
}

fn audit(n: u64) -> Body {
    Body::Audit(AuditEntry {
        actor: bo_model::command::Actor::Operator,
        origin: "test".into(),
        verb: format!("n{n}"),
        object: "x".into(),
        detail: serde_json::Value::Null,
        outcome: "done".into(),
        previous: String::new(),
    })
}

async fn until(journal: &Journal, wanted: impl Fn(&JournalState) -> bool) -> JournalState {
    let mut state = journal.watch();
    let seen = tokio::time::timeout(Duration::from_secs(20), state.wait_for(|state| wanted(state))).await;
    match seen {
        Ok(state) => state.unwrap().clone(),
        Err(_) => panic!("stayed {:?}", journal.state()),
    }
}

#[tokio::test]
async fn a_disk_that_others_fill_makes_the_journal_smaller_and_it_grows_again_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let free = Arc::new(Mutex::new(1u64 << 30));
    let asked = free.clone();
    let limits = Limits {
        keep_free: 100 << 20,
        free: FreeSpace(Arc::new(move |_| Some(*asked.lock().unwrap()))),
        ..Limits::default()
    };
    let journal = Journal::open(&path, limits, clock()).unwrap();
    for n in 0..12 {
        for i in 0..100 {
            assert!(journal.append(Class::Log, Time(n), line((n * 100 + i) as u64)));
        }
        journal.append_durable(Class::Audit, Time(n), audit(n as u64)).await.unwrap();
    }
    until(&journal, |state| state.bytes > 8 << 20 && state.squeezed.is_none()).await;
    let length = |path: &Path| std::fs::metadata(path).unwrap().len();
    let before = length(&path);

    *free.lock().unwrap() = 99 << 20;
    let state = until(&journal, |state| state.squeezed.is_some()).await;
    assert!(state.squeezed.unwrap() < before, "{state:?}");
    *free.lock().unwrap() = 0;
    let state = until(&journal, |state| state.squeezed == Some(4 << 20) && state.bytes <= 4 << 20).await;
    assert_eq!(state.written[Class::Audit as usize], 12);
    let kept = journal.read_after(Class::Audit, 0, usize::MAX).unwrap();
    assert_eq!(kept.len(), 12, "audit records never go");
    let logs = journal.read_after(Class::Log, 0, usize::MAX).unwrap();
    assert!(matches!(&logs[0].body, Body::Gap(gap) if gap.count > 100), "what went is owned up to");
    assert!(length(&path) < before / 2, "the disk got its room back: {} of {before}", length(&path));

    *free.lock().unwrap() = 1 << 30;
    until(&journal, |state| state.squeezed.is_none()).await;
    journal.close().await;
}

/// A small disk of its own; `None` where one can't be made (it takes root).
struct Disk(tempfile::TempDir);

impl Disk {
    fn of(size: &str) -> Option<Disk> {
        let folder = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(folder.path())
            .output();
        mount.is_ok_and(|done| done.status.success()).then_some(Disk(folder))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

#[tokio::test]
async fn on_a_full_disk_nothing_acknowledged_is_lost_and_what_came_meanwhile_is_written_when_there_is_room() {
    let Some(disk) = Disk::of("12m") else {
        eprintln!("not proved here: a small disk of its own takes root");
        return;
    };
    let path = disk.0.path().join("journal.sqlite");
    let journal = Journal::open(&path, Limits::default(), clock()).unwrap();
    for n in 1..=50 {
        assert_eq!(journal.append_durable(Class::Audit, Time(n), audit(n as u64)).await.unwrap(), n as u64);
    }
    let stone = disk.0.path().join("stone");
    let mut filler = std::fs::File::create(&stone).unwrap();
    while std::io::Write::write_all(&mut filler, &[1; 4096]).is_ok() {}

    let mut held = 0;
    for n in 51..=5_000u64 {
        match journal.append_durable(Class::Audit, Time(n as i64), audit(n)).await {
            Ok(_) => {}
            Err(JournalError::NotDurable { .. }) => {
                held = n;
                break;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(held > 0, "the disk was never full");
    let state = until(&journal, |state| state.stuck.is_some()).await;
    assert!(state.stuck.unwrap().contains("full"), "the state says what is wrong");
    let durable = state.written[Class::Audit as usize];
    assert_eq!(durable, held - 1, "what was acknowledged is on disk, what was not is not claimed");

    std::fs::remove_file(&stone).unwrap();
    drop(filler);
    until(&journal, |state| state.stuck.is_none() && state.written[Class::Audit as usize] == held).await;
    journal.close().await;
    let journal = Journal::open(&path, Limits::default(), clock()).unwrap();
    let verbs: Vec<String> = journal
        .read_after(Class::Audit, 0, usize::MAX)
        .unwrap()
        .into_iter()
        .map(|record| match record.body {
            Body::Audit(entry) => entry.verb,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(verbs, (1..=held).map(|n| format!("n{n}")).collect::<Vec<_>>());
    journal.close().await;
}
