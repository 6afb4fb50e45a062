//! How many small audited writes a second the database takes, two hundred at a time and alone
//! (`cargo xtask bench --only write`).

use bo_db::testing::TestDb;
use bo_db::{Db, DbError, Event, Migration, params};
use bo_model::{Kind, Object, SystemClock};
use bo_testkit::measure::{Figures, own_usage, percentile, quick};
use std::sync::Arc;
use std::time::Instant;

const TABLE: [Migration; 1] = [Migration {
    module: "bench",
    number: 1,
    name: "things",
    sql: "CREATE TABLE thing (id BIGINT PRIMARY KEY, name TEXT NOT NULL)",
}];
const WRITERS: i64 = 200;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let each: i64 = if quick() { 20 } else { 200 };
    let mut figures = Figures::new("write");
    for test in TestDb::each(&TABLE, Arc::new(SystemClock))? {
        let (started, before, cpu) = (Instant::now(), test.db.commits(), own_usage()?.cpu);
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let db = test.db.clone();
                tokio::spawn(async move {
                    for number in 0..each {
                        write(&db, writer * each + number).await?;
                    }
                    Ok::<(), DbError>(())
                })
            })
            .collect();
        for writer in writers {
            writer.await??;
        }
        let (all, commits) = ((WRITERS * each) as f64, (test.db.commits() - before) as f64);
        let cpu = own_usage()?.cpu - cpu;
        let of = |what: &str| format!("{}: {what}", test.engine);
        figures.say(&of("audited writes, 200 at once"), all / started.elapsed().as_secs_f64(), "writes/s");
        figures.say(&of("our CPU"), cpu.as_secs_f64() * 1e6 / all, "µs/write");
        figures.say(&of("writes in one commit"), all / commits, "");
        let mut alone = Vec::new();
        for number in 0..each {
            let started = Instant::now();
            write(&test.db, WRITERS * each + number).await?;
            alone.push(started.elapsed());
        }
        figures.say(&of("a write alone: p50"), percentile(&mut alone, 0.5).as_secs_f64() * 1e3, "ms");
        figures.say(&of("a write alone: p99"), percentile(&mut alone, 0.99).as_secs_f64() * 1e3, "ms");
    }
    figures.print();
    Ok(())
}

async fn write(db: &Db, id: i64) -> Result<(), DbError> {
    db.write(move |tx| {
        tx.audit(Event::new("thing.create", Object::new(Kind("thing"), id)).name("a thing"));
        tx.execute("INSERT INTO thing (id, name) VALUES (?1, ?2)", params![id, "a thing"]).map(|_| ())
    })
    .await
}
