//! Files. What a file is, is read from its content, never believed; it is sent back so that a browser never runs it.
//!
//! Equal content is stored once.

use crate::{AttachmentId, ContentError};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bo_db::{DbError, Event, Tx, params};
use bo_model::{Kind, Object, Time};
use bo_web::reply::disposition;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

/// A file, in the audit log.
pub const ATTACHMENT: Kind = Kind("attachment");
/// Bytes of a file at most.
pub const LARGEST: usize = 20 * 1024 * 1024;

/// A file of an object.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attachment {
    /// Its id.
    pub id: AttachmentId,
    /// Of what.
    pub object: Object,
    /// Its name.
    pub name: String,
    /// What it is, by its content.
    pub media_type: String,
    /// Bytes.
    pub size: i64,
    /// When it came.
    pub at: Time,
    /// Who brought it, by name.
    pub author: String,
    /// SHA-256 of its content, hex.
    pub hash: String,
}

/// What a file is: images a browser shows, what office programs write, plain text; anything else is just bytes.
///
/// # Errors
/// [`ContentError::File`] for programs and for what is empty or too large.
pub fn media_type(bytes: &[u8]) -> Result<&'static str, ContentError> {
    if bytes.is_empty() {
        return Err(ContentError::File("is empty".into()));
    }
    if bytes.len() > LARGEST {
        return Err(ContentError::File(format!("is larger than {} MiB", LARGEST / 1024 / 1024)));
    }
    match infer::get(bytes) {
        Some(kind) if kind.matcher_type() == infer::MatcherType::App => {
            Err(ContentError::File("is a program; programs can't be attached".into()))
        }
        // Markup can carry scripts: to a browser it is text.
        Some(kind) if matches!(kind.matcher_type(), infer::MatcherType::Text) => {
            Ok("text/plain; charset=utf-8")
        }
        Some(kind) => Ok(kind.mime_type()),
        None if std::str::from_utf8(bytes).is_ok() => Ok("text/plain; charset=utf-8"),
        None => Ok("application/octet-stream"),
    }
}

/// Whether a browser may show it in a page; everything else is only kept.
pub fn is_picture(media_type: &str) -> bool {
    matches!(media_type, "image/png" | "image/jpeg" | "image/gif" | "image/webp" | "image/avif")
}

/// Adds a file to an object, by the transaction's author.
///
/// # Errors
/// [`ContentError::File`], or when the database fails.
pub fn add(
    tx: &mut Tx,
    id: AttachmentId,
    object: &Object,
    name: &str,
    bytes: &[u8],
) -> Result<(), ContentError> {
    let media_type = media_type(bytes)?;
    let name = match name.trim() {
        "" => "file",
        name => name,
    };
    let hash = hex::encode(Sha256::digest(bytes));
    let (now, author) = (tx.now(), bo_db::audit::event::actor_key(&tx.author().actor));
    tx.execute(
        "INSERT INTO content_blob (hash, bytes) VALUES (?1, ?2) ON CONFLICT (hash) DO NOTHING",
        params![&hash, bytes],
    )?;
    tx.execute(
        "INSERT INTO content_attachment (id, object, name, media_type, size, hash, at, author)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![id, object, name, media_type, bytes.len(), &hash, now, author],
    )?;
    let after = json!({"of": object.as_str(), "type": media_type, "bytes": bytes.len(), "sha256": hash});
    tx.audit(Event::new("attachment.add", Object::new(ATTACHMENT, id)).name(name).after(after));
    Ok(())
}

/// Removes a file from its object; its content goes when nothing else has it.
///
/// # Errors
/// [`ContentError::NotFound`].
pub fn remove(tx: &mut Tx, id: AttachmentId) -> Result<(), ContentError> {
    let file = find(tx, id)?.ok_or(ContentError::NotFound)?;
    tx.execute("DELETE FROM content_attachment WHERE id = ?1", params![id])?;
    tx.execute(
        "DELETE FROM content_blob WHERE hash = ?1 AND NOT EXISTS (SELECT 1 FROM content_attachment WHERE hash = ?1)",
        params![&file.hash],
    )?;
    let before =
        json!({"of": file.object.as_str(), "type": file.media_type, "bytes": file.size, "sha256": file.hash});
    tx.audit(Event::new("attachment.remove", Object::new(ATTACHMENT, id)).name(file.name).before(before));
    Ok(())
}

const COLUMNS: &str =
    "SELECT f.id, f.object, f.name, f.media_type, f.size, f.at, COALESCE(a.name, ''), f.hash
    FROM content_attachment f LEFT JOIN account a ON f.author = 'account:' || a.id";

fn read(row: &bo_db::Row<'_>) -> Result<Attachment, DbError> {
    Ok(Attachment {
        id: row.get(0)?,
        object: row.get(1)?,
        name: row.get(2)?,
        media_type: row.get(3)?,
        size: row.get(4)?,
        at: row.get(5)?,
        author: row.get(6)?,
        hash: row.get(7)?,
    })
}

/// A file's facts.
///
/// # Errors
/// When the database fails.
pub fn find(tx: &mut Tx, id: AttachmentId) -> Result<Option<Attachment>, DbError> {
    tx.query_opt(&format!("{COLUMNS} WHERE f.id = ?1"), params![id], read)
}

/// The files of an object, by name.
///
/// # Errors
/// When the database fails.
pub fn list(tx: &mut Tx, object: &Object) -> Result<Vec<Attachment>, DbError> {
    tx.query(
        &format!("{COLUMNS} WHERE f.object = ?1 ORDER BY lower(f.name), f.id LIMIT 500"),
        params![object],
        read,
    )
}

/// A file's content.
///
/// # Errors
/// When the database fails.
pub fn content(tx: &mut Tx, file: &Attachment) -> Result<Vec<u8>, DbError> {
    tx.query_one("SELECT bytes FROM content_blob WHERE hash = ?1", params![&file.hash], |row| row.get(0))
}

/// The file as an answer. Pictures may be shown; everything else is kept as a file. Nothing in it can run.
pub fn answer(file: &Attachment, bytes: Vec<u8>) -> Response {
    let how = if is_picture(&file.media_type) { "inline" } else { "attachment" };
    (
        [
            (header::CONTENT_TYPE, file.media_type.clone()),
            (header::CONTENT_DISPOSITION, disposition(how, &file.name)),
            (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'".to_owned()),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
            (header::CACHE_CONTROL, "private, max-age=3600".to_owned()),
        ],
        bytes,
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_content_says() {
        assert_eq!(media_type(b"\x89PNG\r\n\x1a\n0000").unwrap(), "image/png");
        assert_eq!(media_type(b"%PDF-1.7").unwrap(), "application/pdf");
        assert_eq!(media_type(b"notes").unwrap(), "text/plain; charset=utf-8");
        for page in
            ["<!DOCTYPE html><script>1</script>", "<svg xmlns='x' onload='y'/>", "<?xml version='1.0'?>"]
        {
            assert_eq!(media_type(page.as_bytes()).unwrap(), "text/plain; charset=utf-8", "{page}");
        }
        assert!(media_type(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0").is_err());
        assert!(media_type(b"").is_err());
        assert!(media_type(&vec![b'a'; LARGEST]).is_ok());
        assert!(media_type(&vec![b'a'; LARGEST + 1]).is_err());
    }
}
