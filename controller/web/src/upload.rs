//! Files that a form sends (`multipart/form-data`, RFC 7578), read within the route's body limit.

use crate::error::WebError;
use bytes::Bytes;
use std::convert::Infallible;

/// Files of one form at most.
const MOST_FILES: usize = 50;

/// A file as it was sent. Name and content are whatever the sender says: neither is to be trusted.
#[derive(Clone, Debug, PartialEq)]
pub struct Upload {
    /// The field it was chosen in.
    pub field: String,
    /// The last part of its name, without control characters, at most 200 characters.
    pub name: String,
    /// What is in it.
    pub bytes: Bytes,
}

/// A form's plain fields, in order, and its files. A file field left empty is no file.
///
/// # Errors
/// [`WebError::BadInput`] when the body is not such a form, or has too many files.
pub(crate) async fn parse(
    content_type: &str,
    body: &Bytes,
) -> Result<(Vec<(String, String)>, Vec<Upload>), WebError> {
    let refused = |why: String| WebError::field("", format!("the form could not be read: {why}"));
    let boundary = multer::parse_boundary(content_type).map_err(|error| refused(error.to_string()))?;
    let whole = body.clone();
    let stream = futures_util::stream::once(async move { Ok::<_, Infallible>(whole) });
    let mut form = multer::Multipart::new(stream, boundary);
    let (mut fields, mut files) = (Vec::new(), Vec::new());
    while let Some(field) = form.next_field().await.map_err(|error| refused(error.to_string()))? {
        let name = field.name().unwrap_or("").to_owned();
        match field.file_name().map(plain_name) {
            None => {
                let text = field.text().await.map_err(|error| refused(error.to_string()))?;
                fields.push((name, text));
            }
            Some(file) => {
                let bytes = field.bytes().await.map_err(|error| refused(error.to_string()))?;
                if !(file.is_empty() && bytes.is_empty()) {
                    files.push(Upload { field: name, name: file, bytes });
                }
                if files.len() > MOST_FILES {
                    return Err(refused(format!("at most {MOST_FILES} files at a time")));
                }
            }
        }
    }
    Ok((fields, files))
}

fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or("");
    last.chars().filter(|c| !c.is_control()).take(200).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_form_with_a_file_gives_fields_and_a_name_without_folders() {
        let body = "--x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhi\r\n--x\r\n\
            Content-Disposition: form-data; name=\"file\"; filename=\"../../etc/plan.txt\"\r\n\r\nabc\r\n--x--\r\n";
        let (fields, files) =
            parse("multipart/form-data; boundary=x", &Bytes::from_static(body.as_bytes())).await.unwrap();
        assert_eq!(fields, [("note".to_owned(), "hi".to_owned())]);
        assert_eq!((files[0].name.as_str(), &files[0].bytes[..]), ("plan.txt", &b"abc"[..]));
        assert!(parse("text/plain", &Bytes::new()).await.is_err());
    }
}
