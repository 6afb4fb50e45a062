//! Search gives the same answers on both databases.

use bo_content::search;
use bo_db::DbError;
use bo_db::testing::TestDb;
use bo_model::{Kind, ManualClock, Object, Time};

const PAGE: Kind = Kind("page");

#[test]
fn what_was_written_is_found_by_any_of_its_words_on_both_databases() -> anyhow::Result<()> {
    let clock = ManualClock::at(Time::from_seconds(1_800_000_000));
    let migrations: Vec<_> = bo_identity::MIGRATIONS.into_iter().chain(bo_content::MIGRATIONS).collect();
    for test in TestDb::each(&migrations, clock)? {
        test.db.write_blocking(|tx| -> Result<(), DbError> {
            tx.unaudited("a test arranges its world");
            let page = |name| Object::new(PAGE, name);
            search::put(
                tx,
                &page("keys"),
                "wiki",
                "Keys and badges",
                "The Zürich office keeps a spare key.",
            )?;
            search::put(tx, &page("drill"), "wiki", "Fire drill", "Bring the key of the roof.")?;
            search::put(tx, &page("other"), "blog", "Keys", "elsewhere")?;
            search::put(tx, &page("drill"), "wiki", "Fire drill", "Bring the roof's badge & the \"list\".")
        })?;
        let ask = |question: &'static str| {
            test.db
                .read(move |tx| search::find(tx, "wiki", question, 0, 10))
                .map(|found| found.iter().map(|object| object.id().to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(ask("key")?, ["keys"], "{}: the old words of a page are gone", test.engine);
        assert_eq!(ask("badge")?, ["keys", "drill"], "{}: a title counts more than a text", test.engine);
        assert_eq!(ask("zurich SPARE")?, ["keys"], "{}", test.engine);
        assert_eq!(ask("roof list")?, ["drill"], "{}", test.engine);
        for odd in ["", "\"", "key & | !", "NEAR(", "* :*", "'; --"] {
            ask(odd)?;
        }
        test.db.write_blocking(|tx| -> Result<(), DbError> {
            tx.unaudited("a test arranges its world");
            search::forget(tx, &Object::new(PAGE, "keys"))
        })?;
        assert!(ask("zurich")?.is_empty(), "{}", test.engine);
    }
    Ok(())
}
