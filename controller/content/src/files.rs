//! Files of an object, as pages of any module show and take them. The module's route has checked the object; a file is only
//! reached through the object it belongs to.

use crate::attachment::{self, Attachment, is_picture};
use crate::{AttachmentId, ContentError};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bo_db::Tx;
use bo_model::Object;
use bo_web::layout::{icon, parts};
use bo_web::reply::Redirect;
use bo_web::{Ctx, Result, WebError};
use maud::{Markup, html};

/// Bytes of a form with files at most: the files, with the form around them.
pub const UPLOAD: usize = attachment::LARGEST + 64 * 1024;

/// Files that were not taken: those for which object, and why not.
#[derive(Clone, Debug)]
pub struct Refused {
    of: String,
    why: String,
}

/// Attaches what the form sent, and leads on to `back`; when nothing was chosen, or a file is not taken, answers the page again, which
/// says so beside the form.
///
/// # Errors
/// Whatever is not about the files.
pub async fn add(
    ctx: &Ctx,
    object: Object,
    back: String,
    page: impl FnOnce(Refused) -> Result<Markup>,
) -> Result<Response> {
    let of = object.id().to_owned();
    match attach(ctx, object).await {
        Ok(1) => Ok(ctx.redirect(back).flash("Attached").into_response()),
        Ok(count) => Ok(ctx.redirect(back).flash(format!("{count} files attached")).into_response()),
        Err(WebError::BadInput(fields)) => {
            let why: Vec<String> = fields.into_iter().map(|(_, sentence)| sentence).collect();
            let page = page(Refused { of, why: why.join("; ") })?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error),
    }
}

async fn attach(ctx: &Ctx, object: Object) -> Result<usize> {
    let (_, files) = ctx.form_with_files().await?;
    if files.is_empty() {
        return Err(WebError::field("file", "choose a file first"));
    }
    let count = files.len();
    let files: Vec<_> = files.into_iter().map(|file| (ctx.make_id::<AttachmentId>(), file)).collect();
    ctx.write(move |tx| {
        files.iter().try_for_each(|(id, file)| {
            attachment::add(tx, *id, &object, &file.name, &file.bytes).map_err(|error| match error {
                ContentError::File(why) => ContentError::File(format!("“{}” {why}", file.name)),
                other => other,
            })
        })
    })
    .await?;
    Ok(count)
}

fn of_object(
    tx: &mut Tx,
    object: &Object,
    id: AttachmentId,
) -> std::result::Result<Attachment, ContentError> {
    attachment::find(tx, id)?.filter(|file| file.object == *object).ok_or(ContentError::NotFound)
}

/// A file's content as an answer.
///
/// # Errors
/// [`WebError::NotFound`] when it is not the object's.
pub fn show(tx: &mut Tx, object: &Object, id: AttachmentId) -> Result<Response> {
    let file = of_object(tx, object, id)?;
    let bytes = attachment::content(tx, &file)?;
    Ok(attachment::answer(&file, bytes))
}

/// Removes a file for ever, and leads on to `back`.
///
/// # Errors
/// [`WebError::NotFound`] when it is not the object's.
pub async fn remove(ctx: &Ctx, object: Object, id: AttachmentId, back: String) -> Result<Redirect> {
    ctx.write(move |tx| -> std::result::Result<(), ContentError> {
        of_object(tx, &object, id)?;
        attachment::remove(tx, id)
    })
    .await?;
    Ok(ctx.redirect(back).flash("The file was removed"))
}

/// How the files of an object are shown.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    /// The address of the object: files lie at `{at}/files`.
    pub at: &'a str,
    /// Heading of the section.
    pub title: &'a str,
    /// Whether the viewer may attach and remove.
    pub edit: bool,
    /// Whether to say how a text links to the file.
    pub in_texts: bool,
    /// What was not taken just now, here or in another section of the page.
    pub refused: Option<&'a Refused>,
}

/// The files, and the form that takes more. Nothing when there are none and none may be added.
pub fn section(ctx: &Ctx, how: Section<'_>, files: &[Attachment]) -> Markup {
    let Section { at, title, edit, in_texts, refused } = how;
    // Several sections can be on a page: their parts are told apart by the address.
    let of = at.rsplit('/').next().unwrap_or("");
    let (field, about) = (format!("f-file-{of}"), format!("f-file-{of}-about"));
    let refused = refused.filter(|refused| refused.of == of);
    html! {
        @if edit || !files.is_empty() {
            section.card.stack.files id={ "files-" (of) } {
                h2 { (title) }
                @if files.is_empty() { p.muted { "No files yet." } }
                @else {
                    ul.file-list { @for file in files {
                        @let address = format!("{at}/files/{}", file.id);
                        li {
                            span {
                                a href=(address) { (file.name) } " " span.muted { (size(file.size)) ", " (file.author) ", " (parts::time(file.at, ctx.now())) }
                                @if edit && in_texts { div.muted { "In a text: " code { @if is_picture(&file.media_type) { "!" } "[" (file.name) "](" (address) ")" } } }
                            }
                            @if edit { (parts::confirm("Remove", "Remove this file?", html! { p { (file.name) " can't be brought back." } }, &format!("{address}/remove"), ctx.csrf())) }
                        }
                    } }
                }
                @if edit {
                    form.form.form--inline action={ (at) "/files" } method="post" enctype="multipart/form-data" {
                        (ctx.csrf())
                        label.sr-only for=(field) { "Files to attach to " (title) }
                        input id=(field) type="file" name="file" multiple required aria-invalid=[refused.map(|_| "true")] aria-describedby=[refused.map(|_| &about)];
                        button.btn type="submit" { (icon("upload")) "Attach" }
                    }
                    @if let Some(refused) = refused { div.field__error id=(about) role="alert" { "Nothing was attached: " (refused.why) "." } }
                }
            }
        }
    }
}

fn size(bytes: i64) -> String {
    match bytes {
        0..=1023 => format!("{bytes} B"),
        1024..=1_048_575 => format!("{} KiB", bytes / 1024),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}
