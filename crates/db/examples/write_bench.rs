//! How many small audited writes a second the database takes: `cargo run --release -p bo-db --example write_bench`.
//! Prints one JSON object.

use bo_db::testing::TestDb;
use bo_db::{DbError, Event, Migration, params};
use bo_model::{Kind, Object, SystemClock};
use std::sync::Arc;
use std::time::Instant;

const TABLE: [Migration; 1] = [Migration {
    module: "bench",
    number: 1,
    name: "things",
    sql: "CREATE TABLE thing (id BIGINT PRIMARY KEY, name TEXT NOT NULL)",
}];
const WRITERS: i64 = 200;
const EACH: i64 = 100;

#[tokio::main]
async fn main() -> Result<(), DbError> {
    let mut lines = Vec::new();
    for test in TestDb::each(&TABLE, Arc::new(SystemClock))? {
        let (started, before) = (Instant::now(), test.db.commits());
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let db = test.db.clone();
                tokio::spawn(async move {
                    for number in 0..EACH {
                        let id = writer * EACH + number;
                        db.write(move |tx| -> Result<(), DbError> {
                            tx.audit(
                                Event::new("thing.create", Object::new(Kind("thing"), id)).name("a thing"),
                            );
                            tx.execute(
                                "INSERT INTO thing (id, name) VALUES (?1, ?2)",
                                params![id, "a thing"],
                            )?;
                            Ok(())
                        })
                        .await?;
                    }
                    Ok::<(), DbError>(())
                })
            })
            .collect();
        for writer in writers {
            writer.await.map_err(|error| DbError::Panicked { message: error.to_string() })??;
        }
        let (seconds, commits) = (started.elapsed().as_secs_f64(), test.db.commits() - before);
        let rate = (WRITERS * EACH) as f64 / seconds;
        lines.push(format!(
            "\"{}\": {{\"audited_writes_per_s\": {rate:.0}, \"commits\": {commits}}}",
            test.engine
        ));
    }
    println!("{{{}}}", lines.join(", "));
    Ok(())
}
