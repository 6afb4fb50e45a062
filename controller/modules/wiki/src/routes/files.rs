//! Files of a page.

use crate::model::{self, PageId};
use axum::response::Response;
use bo_content::attachment::{self, Attachment};
use bo_content::{AttachmentId, ContentError};
use bo_db::Tx;
use bo_web::reply::Redirect;
use bo_web::{Ctx, Result, WebError};

pub async fn add(ctx: Ctx) -> Result<Redirect> {
    let page: PageId = ctx.param("id")?;
    ctx.read(|tx| super::pages::here(&ctx, tx))?;
    let (_, files) = ctx.form_with_files().await?;
    if files.is_empty() {
        return Err(WebError::field("file", "choose a file first"));
    }
    let count = files.len();
    let files: Vec<_> = files.into_iter().map(|file| (ctx.make_id::<AttachmentId>(), file)).collect();
    ctx.write(move |tx| -> Result<()> {
        for (id, file) in &files {
            attachment::add(tx, *id, &model::object(page), &file.name, &file.bytes)?;
        }
        Ok(())
    })
    .await?;
    let said = if count == 1 { "Attached".to_owned() } else { format!("{count} files attached") };
    Ok(ctx.redirect(format!("/wiki/pages/{page}#files")).flash(said))
}

/// A file is only reached through the page it belongs to: that is what was checked.
fn of_page(tx: &mut Tx, page: PageId, id: AttachmentId) -> std::result::Result<Attachment, ContentError> {
    attachment::find(tx, id)?.filter(|file| file.object == model::object(page)).ok_or(ContentError::NotFound)
}

pub async fn show(ctx: Ctx) -> Result<Response> {
    let (page, id) = (ctx.param("id")?, ctx.param("file")?);
    ctx.read(|tx| -> Result<Response> {
        super::pages::here(&ctx, tx)?;
        let file = of_page(tx, page, id)?;
        let bytes = attachment::content(tx, &file)?;
        Ok(attachment::answer(&file, bytes))
    })
}

pub async fn remove(ctx: Ctx) -> Result<Redirect> {
    let (page, id): (PageId, AttachmentId) = (ctx.param("id")?, ctx.param("file")?);
    ctx.write(move |tx| -> Result<()> {
        of_page(tx, page, id)?;
        Ok(attachment::remove(tx, id)?)
    })
    .await?;
    Ok(ctx.redirect(format!("/wiki/pages/{page}#files")).flash("The file was removed"))
}
