//! Answers that more than one handler gives.

use crate::error::WebError;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// JSON.
pub fn json(value: &impl Serialize) -> Response {
    axum::Json(value).into_response()
}

/// JSON of something just made, with its address.
pub fn created(location: &str, value: &impl Serialize) -> Response {
    let mut reply = (StatusCode::CREATED, axum::Json(value)).into_response();
    if let Ok(location) = HeaderValue::from_str(location) {
        reply.headers_mut().insert(header::LOCATION, location);
    }
    reply
}

/// Done, nothing to show.
pub fn done() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// A CSV download. A cell that a spreadsheet would take for a formula gets an apostrophe in front.
///
/// # Errors
/// [`WebError::Internal`] when a row does not fit the header.
pub fn csv(
    name: &str,
    header: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Result<Response, WebError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header).map_err(WebError::internal)?;
    for row in rows {
        writer.write_record(row.into_iter().map(disarm)).map_err(WebError::internal)?;
    }
    let bytes = writer.into_inner().map_err(WebError::internal)?;
    Ok(download(&format!("{name}.csv"), "text/csv; charset=utf-8", bytes))
}

fn disarm(cell: String) -> String {
    let number = cell.parse::<f64>().is_ok();
    if !number && cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}

/// A file to keep.
pub fn download(name: &str, content_type: &'static str, bytes: Vec<u8>) -> Response {
    let disposition = disposition("attachment", name);
    ([(header::CONTENT_TYPE, content_type.to_owned()), (header::CONTENT_DISPOSITION, disposition)], bytes)
        .into_response()
}

/// The header that names a file, in any script (RFC 6266 §4.1, RFC 8187): `attachment` to keep, `inline` to show.
pub fn disposition(how: &str, name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let mut exact = String::new();
    for byte in name.bytes() {
        match byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            true => exact.push(char::from(byte)),
            false => exact += &format!("%{byte:02X}"),
        }
    }
    format!("{how}; filename=\"{plain}\"; filename*=UTF-8''{exact}")
}

/// Sends the browser on with 303, with a message to show there.
#[derive(Clone, Debug)]
pub struct Redirect {
    to: String,
    flash: Option<String>,
    cookies: Vec<String>,
}

impl Redirect {
    /// To a path of ours. Anything that could lead elsewhere becomes `/`.
    pub fn to(to: impl Into<String>) -> Redirect {
        Redirect { to: local_path(&to.into()), flash: None, cookies: Vec::new() }
    }

    /// A message shown once on the next page.
    pub fn flash(mut self, message: impl Into<String>) -> Redirect {
        self.flash = Some(message.into());
        self
    }

    /// Sets a cookie, given as the header's text.
    pub fn cookie(mut self, cookie: String) -> Redirect {
        self.cookies.push(cookie);
        self
    }
}

impl IntoResponse for Redirect {
    fn into_response(mut self) -> Response {
        if let Some(message) = &self.flash {
            // Hex, because a cookie holds few characters and a message any.
            self.cookies.push(format!(
                "bo_flash={}; Path=/; HttpOnly; SameSite=Lax; Max-Age=60",
                hex::encode(message.chars().take(400).collect::<String>())
            ));
        }
        let mut reply = (StatusCode::SEE_OTHER, [(header::LOCATION, self.to)]).into_response();
        for cookie in self.cookies {
            if let Ok(value) = HeaderValue::from_str(&cookie) {
                reply.headers_mut().append(header::SET_COOKIE, value);
            }
        }
        reply
    }
}

/// A `next` address that can only lead to this site: one leading slash, no scheme, no host, no control characters.
pub fn local_path(to: &str) -> String {
    let good = to.starts_with('/')
        && !to.starts_with("//")
        && !to.contains('\\')
        && to.chars().all(|c| !c.is_control() && c.is_ascii())
        && to.len() < 2000;
    if good { to.to_owned() } else { "/".into() }
}

/// A cookie's value among the request's headers.
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_can_not_lead_to_another_site() {
        for bad in [
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
            "",
            "/a\r\nb",
            "\\/x",
        ] {
            assert_eq!(local_path(bad), "/", "{bad}");
        }
        assert_eq!(local_path("/zones/1?tab=map"), "/zones/1?tab=map");
    }

    #[test]
    fn a_csv_cell_is_never_a_formula_and_numbers_stay_numbers() {
        assert_eq!(disarm("=cmd()".into()), "'=cmd()");
        assert_eq!(disarm("-12.5".into()), "-12.5");
        assert_eq!(disarm("@x".into()), "'@x");
    }
}
