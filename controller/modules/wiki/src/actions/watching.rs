//! Who watches a page, who hears of a change by mail, and who is writing at the moment.

use super::{Result, present};
use crate::model::{self, PageId};
use crate::queries;
use bo_db::outbox::{Handler, Message};
use bo_db::{DbError, Param, Tx, params, places};
use bo_identity::{account, letter, level};
use bo_model::{AccountId, Kind, Level, Object};
use std::time::Duration;

/// Somebody whose browser was silent for so long writes no more; it speaks every 15 seconds.
const SILENCE: Duration = Duration::from_secs(40);

/// Listens to changes of pages.
pub const HANDLER: Handler = Handler { name: "wiki-watchers", topics: &["wiki.page-saved"], run: tell };

/// Begins or ends to watch a page.
pub fn watch(tx: &mut Tx, id: PageId, account: AccountId, on: bool) -> Result<()> {
    tx.unaudited("what somebody watches is their own list");
    let page = present(tx, id)?;
    if on {
        tx.execute(
            "INSERT INTO wiki_watch (account, page, seen) VALUES (?1, ?2, ?3) ON CONFLICT (account, page) DO UPDATE SET seen = excluded.seen",
            params![account, id, page.revision],
        )?;
    } else {
        tx.execute("DELETE FROM wiki_watch WHERE account = ?1 AND page = ?2", params![account, id])?;
    }
    Ok(())
}

/// Notes that somebody has the form of a page open.
pub fn note_writer(tx: &mut Tx, id: PageId, account: AccountId) -> Result<()> {
    tx.unaudited("who has a form open is forgotten within a minute");
    present(tx, id)?;
    let now = tx.now();
    tx.execute("DELETE FROM wiki_writer WHERE until < ?1", params![now])?;
    tx.execute(
        "INSERT INTO wiki_writer (page, account, until) VALUES (?1, ?2, ?3) ON CONFLICT (page, account) DO UPDATE SET until = excluded.until",
        params![id, account, now.after(SILENCE)],
    )?;
    Ok(())
}

/// The names of those who have the form of a page open, one viewer excepted.
pub fn writers(tx: &mut Tx, id: PageId, but: Option<AccountId>) -> std::result::Result<Vec<String>, DbError> {
    let but = but.map(|account| account.to_string()).unwrap_or_default();
    let now = tx.now();
    tx.query(
        "SELECT a.name FROM wiki_writer w JOIN account a ON a.id = w.account
         WHERE w.page = ?1 AND w.until >= ?2 AND w.account <> ?3 ORDER BY lower(a.name), a.id LIMIT 20",
        params![id, now, but],
        |row| row.get(0),
    )
}

/// Mails to whoever watches a page, may still read it, has not seen the change and was told of none since they last looked.
fn tell(tx: &mut Tx, event: &Message) -> std::result::Result<(), DbError> {
    let Some(page) = super::page_of(&event.reference) else { return Ok(()) };
    let Some(page) = queries::page(tx, page)?.filter(|page| page.bin.is_none()) else { return Ok(()) };
    let Some(base) = letter::public_url(tx)? else { return Ok(()) };
    let waiting = tx.query(
        "SELECT account, seen FROM wiki_watch WHERE page = ?1 AND seen < ?2 AND told <= seen ORDER BY account",
        params![page.id, page.revision],
        |row| Ok((row.get::<AccountId>(0)?, row.get::<i64>(1)?)),
    )?;
    let (object, now) = (model::object(page.id), tx.now());
    let watchers: Vec<AccountId> = waiting.iter().map(|(watcher, _)| *watcher).collect();
    let accounts = account::find_all(tx, &watchers)?;
    let subjects: Vec<Object> = watchers.iter().map(|id| Object::new(Kind::ACCOUNT, id)).collect();
    let levels = level::level_of_each(tx, &subjects, &object, now)?;
    let mut told = Vec::new();
    for ((watcher, seen), level) in waiting.into_iter().zip(levels) {
        let Some(to) = accounts.get(&watcher).filter(|_| level >= Level::View) else { continue };
        let link = format!("{base}/wiki/pages/{}/history/{}?against={seen}", page.id, page.revision);
        letter::post(
            tx,
            to,
            &format!("{} changed", page.title),
            &format!(
                "{} changed \u{201c}{}\u{201d}, a page you watch. What is different:\n\n{link}\n\nYou hear no more of this page until you have looked at it.\n",
                page.updated_by, page.title
            ),
        );
        told.push(watcher);
    }
    for some in told.chunks(200) {
        let people = places(3, some.len());
        let sql = format!("UPDATE wiki_watch SET told = ?2 WHERE page = ?1 AND account IN ({people})");
        let people = some.iter().map(Param::from);
        let values: Vec<Param<'_>> =
            [page.id.into(), page.revision.into()].into_iter().chain(people).collect();
        tx.execute(&sql, &values)?;
    }
    Ok(())
}
