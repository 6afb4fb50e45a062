//! Scripts, styles and images of the console: embedded in release builds, read from disk in debug builds.

use crate::ctx::Ctx;
use crate::error::{Result, WebError};
use crate::need::Need;
use crate::reply::Redirect;
use crate::routes::Routes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

/// What `islands/build.mjs` made.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/dist/"]
struct Dist;

/// Images and the like, as they are.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/static/"]
struct Static;

fn find(name: &str) -> Option<EmbeddedFile> {
    Dist::get(name).or_else(|| Static::get(name))
}

/// Address of an asset, with its version: a browser may keep it for ever.
pub fn href(name: &str) -> String {
    match find(name) {
        Some(file) => format!("/assets/{name}?v={}", version(&file)),
        None => format!("/assets/{name}"),
    }
}

/// Whether there is such an asset.
pub fn exists(name: &str) -> bool {
    find(name).is_some()
}

fn version(file: &EmbeddedFile) -> String {
    hex::encode(&file.metadata.sha256_hash()[..6])
}

pub(crate) fn routes() -> Routes {
    Routes::new("web")
        .get("/assets/{*file}", Need::anyone("the sign-in page needs its style"), serve)
        .about("A script, style or image")
        .get("/favicon.ico", Need::anyone("browsers ask for it"), icon)
        .about("The browser's icon")
        .post("/theme", Need::anyone("it is only kept in the browser"), theme)
        .about("Light, dark or automatic")
}

async fn serve(ctx: Ctx) -> Result<Response> {
    let name: String = ctx.param("file")?;
    let file = find(&name).ok_or(WebError::NotFound)?;
    let tag = format!("\"{}\"", version(&file));
    if ctx.header("if-none-match") == tag {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let fresh = ctx.query_value("v") == version(&file);
    let cache = if fresh { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [
        (header::CONTENT_TYPE, content_type(&name).to_owned()),
        (header::CACHE_CONTROL, cache.to_owned()),
        (header::ETAG, tag),
    ];
    Ok((headers, file.data.into_owned()).into_response())
}

async fn icon(_: Ctx) -> Result<Response> {
    let file = find("icon.svg").ok_or(WebError::NotFound)?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], file.data.into_owned()).into_response())
}

async fn theme(ctx: Ctx) -> Result<Redirect> {
    let input = ctx.form()?;
    let theme = crate::Theme::from_word(input.text("theme")).word();
    let cookie = format!("bo_theme={theme}; Path=/; SameSite=Lax; Max-Age=31536000");
    Ok(ctx.redirect(input.text("next")).cookie(cookie))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}
