//! Full text: one index for all modules, the same answers on both databases.
//!
//! Text is cut into words and folded here (lower case, no accents), so that both engines index the same words: SQLite
//! in an FTS5 table, PostgreSQL in a `tsvector`. This is the one place with a statement per engine.

use bo_db::{DbError, Tx, params};
use bo_model::Object;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Words of one text at most: what lies behind is not found.
const MOST_WORDS: usize = 100_000;
/// Words of a question at most.
const MOST_ASKED: usize = 12;

/// Puts an object into the index, or its new words in place of the old. `scope` is what a search can be narrowed to: a
/// module and workspace, written by the module as it likes.
///
/// # Errors
/// When the database fails.
pub fn put(tx: &mut Tx, object: &Object, scope: &str, title: &str, body: &str) -> Result<(), DbError> {
    let (title, body) = (fold(title), fold(body));
    if tx.is_postgres() {
        tx.execute(
            "INSERT INTO content_search (object, scope, words) VALUES (?1, ?2,
               setweight(to_tsvector('simple', CAST(?3 AS TEXT)), 'A') || setweight(to_tsvector('simple', CAST(?4 AS TEXT)), 'B'))
             ON CONFLICT (object) DO UPDATE SET scope = excluded.scope, words = excluded.words",
            params![object, scope, title, body],
        )?;
        return Ok(());
    }
    forget(tx, object)?;
    tx.execute("INSERT INTO content_search_row (object, scope) VALUES (?1, ?2)", params![object, scope])?;
    tx.execute(
        "INSERT INTO content_search (rowid, title, body)
         VALUES ((SELECT id FROM content_search_row WHERE object = ?1), ?2, ?3)",
        params![object, title, body],
    )?;
    Ok(())
}

/// Takes an object out of the index.
///
/// # Errors
/// When the database fails.
pub fn forget(tx: &mut Tx, object: &Object) -> Result<(), DbError> {
    if tx.is_postgres() {
        tx.execute("DELETE FROM content_search WHERE object = ?1", params![object])?;
        return Ok(());
    }
    tx.execute(
        "DELETE FROM content_search WHERE rowid = (SELECT id FROM content_search_row WHERE object = ?1)",
        params![object],
    )?;
    tx.execute("DELETE FROM content_search_row WHERE object = ?1", params![object])?;
    Ok(())
}

/// Objects with all words of a question (the last of which may be begun only), the best first. Whoever shows them
/// filters what the viewer may not see, and asks for more from `offset` on.
///
/// # Errors
/// When the database fails.
pub fn find(
    tx: &mut Tx,
    scope: &str,
    question: &str,
    offset: usize,
    limit: usize,
) -> Result<Vec<Object>, DbError> {
    let words: Vec<String> =
        fold(question).split(' ').map(str::to_owned).filter(|word| !word.is_empty()).collect();
    let words = &words[..words.len().min(MOST_ASKED)];
    if words.is_empty() {
        return Ok(Vec::new());
    }
    if tx.is_postgres() {
        let asked: Vec<String> = words.iter().map(|word| format!("{word}:*")).collect();
        return tx.query(
            "SELECT object FROM content_search WHERE scope = ?1 AND words @@ to_tsquery('simple', CAST(?2 AS TEXT))
             ORDER BY ts_rank(words, to_tsquery('simple', CAST(?2 AS TEXT))) DESC, object LIMIT ?3 OFFSET ?4",
            params![scope, asked.join(" & "), limit, offset],
            |row| row.get(0),
        );
    }
    let asked: Vec<String> = words.iter().map(|word| format!("\"{word}\"*")).collect();
    tx.query(
        "SELECT r.object FROM content_search JOIN content_search_row r ON r.id = content_search.rowid
         WHERE content_search MATCH ?2 AND r.scope = ?1
         ORDER BY bm25(content_search, 10.0, 1.0), r.object LIMIT ?3 OFFSET ?4",
        params![scope, asked.join(" "), limit, offset],
        |row| row.get(0),
    )
}

/// Lower case, without accents, letters and digits only, one space between words.
pub fn fold(text: &str) -> String {
    let plain: String = text
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    plain.split_whitespace().take(MOST_WORDS).collect::<Vec<_>>().join(" ")
}

/// A piece of a text around the first word of a question, cut at words; the beginning when none is in it.
pub fn excerpt(text: &str, question: &str, characters: usize) -> String {
    let asked: Vec<String> =
        fold(question).split(' ').map(str::to_owned).filter(|word| !word.is_empty()).collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    let hit = words.iter().position(|word| asked.iter().any(|asked| fold(word).starts_with(asked.as_str())));
    let start = hit.unwrap_or(0).saturating_sub(8);
    let mut out = String::new();
    for word in &words[start..] {
        if out.chars().count() + word.chars().count() > characters {
            out.push('…');
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    if start > 0 { format!("… {out}") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_the_same_whoever_types_them() {
        assert_eq!(fold("Zürich–Süd, ÅNGSTRÖM's 2nd floor"), "zurich sud angstrom s 2nd floor");
        assert_eq!(fold("火災 \"drop\" & | ! :*"), "火災 drop");
    }

    #[test]
    fn an_excerpt_shows_the_word_that_was_asked_for() {
        let text = "one two three four five six seven eight nine ten Schlüssel twelve";
        let piece = excerpt(text, "schluss", 60);
        assert!(piece.starts_with("… ") && piece.contains("Schlüssel"), "{piece}");
        assert!(excerpt(text, "absent", 10).starts_with("one two"));
    }
}
