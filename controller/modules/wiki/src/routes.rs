//! Every address of the wiki, with what it needs.

mod api;
mod comments;
mod files;
mod pages;
mod spaces;

use crate::model::{PAGE, SPACE};
use bo_web::{Level, Need, Routes};
pub use pages::Here;
use serde_json::json;

/// Pages and API.
pub fn routes() -> Routes {
    let space = |level| Need::object(SPACE, "id", level);
    let page = |level| Need::object(PAGE, "id", level);
    let people = Routes::new("wiki")
        // Somebody can be given a single page and nothing else: these show what there is for them.
        .get("/wiki", Need::signed_in(), spaces::index)
        .about("The spaces, what changed, what one watches")
        .get("/wiki/search", Need::signed_in(), pages::search)
        .about("Pages with all words of a question")
        .get("/wiki/new", Need::module("wiki", Level::Edit), spaces::new)
        .about("The form of a new space")
        .post("/wiki/spaces", Need::module("wiki", Level::Edit), spaces::create)
        .about("Make a space")
        .get("/wiki/spaces/{id}", space(Level::View), spaces::show)
        .about("A space and its tree of pages")
        .get("/wiki/spaces/{id}/settings", space(Level::Own), spaces::settings)
        .about("Name, comments, access, bin of a space")
        .post("/wiki/spaces/{id}/change", space(Level::Own), spaces::change)
        .about("Change name, description and who may comment")
        .post("/wiki/spaces/{id}/restrict", space(Level::Own), spaces::restrict)
        .about("Close a space to all but its guests, or open it")
        .post("/wiki/spaces/{id}/grant", space(Level::Own), spaces::grant)
        .about("Give somebody a level on a space, or take it")
        .post("/wiki/spaces/{id}/remove", space(Level::Own), spaces::remove)
        .about("Remove an empty space")
        .post("/wiki/spaces/{id}/empty-bin", space(Level::Own), spaces::empty_bin)
        .about("Remove for ever what is in the bin")
        .get("/wiki/spaces/{id}/export", space(Level::View), spaces::export)
        .about("The pages one may read, as an archive of Markdown files")
        .long()
        .post("/wiki/spaces/{id}/import", space(Level::Edit), spaces::import)
        .about("Pages from an archive of Markdown files")
        .body_limit(bo_content::files::UPLOAD)
        .get("/wiki/spaces/{id}/write", space(Level::Edit), pages::new)
        .about("The form of a new page")
        .post("/wiki/spaces/{id}/pages", space(Level::Edit), pages::create)
        .about("Write a page")
        .get("/wiki/pages/{id}", page(Level::View), pages::show)
        .about("A page")
        .get("/wiki/pages/{id}/markdown", page(Level::View), pages::markdown)
        .about("A page's text as a file")
        .get("/wiki/pages/{id}/edit", page(Level::Edit), pages::edit)
        .about("The form of a page")
        .post("/wiki/pages/{id}/save", page(Level::Edit), pages::save)
        .about("Save a change; what others saved meanwhile is kept")
        .post("/wiki/pages/{id}/writing", page(Level::Edit), pages::writing)
        .about("Say that one has the form open; answers with who else has")
        .post("/wiki/pages/{id}/preview", page(Level::View), pages::preview)
        .about("A text as it would look; nothing is saved")
        .get("/wiki/pages/{id}/history", page(Level::View), pages::history)
        .about("The revisions of a page")
        .get("/wiki/pages/{id}/history/{number}", page(Level::View), pages::revision)
        .about("A revision, and what it changed")
        .post("/wiki/pages/{id}/restore", page(Level::Edit), pages::restore)
        .about("Make an old revision the newest again")
        .get("/wiki/pages/{id}/place", page(Level::Edit), pages::place)
        .about("Where a page could go")
        .post("/wiki/pages/{id}/move", page(Level::Edit), pages::r#move)
        .about("Put a page elsewhere")
        .post("/wiki/pages/{id}/template", page(Level::Edit), pages::template)
        .about("Offer a page as a beginning for others, or not")
        .post("/wiki/pages/{id}/watch", page(Level::View), pages::watch)
        .about("Watch a page, or not")
        .post("/wiki/pages/{id}/remove", page(Level::Own), pages::remove)
        .about("Put a page and what is below it into the bin")
        .post("/wiki/pages/{id}/recover", page(Level::Own), pages::recover)
        .about("Take a page out of the bin")
        .post("/wiki/pages/{id}/comments", page(Level::View), comments::add)
        .about("Say something about a page")
        .post("/wiki/pages/{id}/comments/{comment}/edit", page(Level::View), comments::edit)
        .about("Change one's own comment")
        .post("/wiki/pages/{id}/comments/{comment}/remove", page(Level::View), comments::remove)
        .about("Take back one's own comment")
        .post("/wiki/pages/{id}/comments/{comment}/moderate", page(Level::Own), comments::moderate)
        .about("Show or hide a comment")
        .post("/wiki/pages/{id}/files", page(Level::Edit), files::add)
        .about("Attach files")
        .body_limit(bo_content::files::UPLOAD)
        .get("/wiki/pages/{id}/files/{file}", page(Level::View), files::show)
        .about("An attached file")
        .post("/wiki/pages/{id}/files/{file}/remove", page(Level::Edit), files::remove)
        .about("Remove a file");
    people.and(programs())
}

fn programs() -> Routes {
    let space = |level| Need::object(SPACE, "id", level);
    let page = |level| Need::object(PAGE, "id", level);
    let text = json!({"type": "string"});
    let id = json!({"type": "string", "format": "uuid"});
    Routes::new("wiki")
        .get("/api/v1/wiki/spaces", Need::signed_in(), api::spaces)
        .about("The spaces one may read")
        .get("/api/v1/wiki/spaces/{id}/pages", space(Level::View), api::pages)
        .about("The pages of a space that one may read, each before what is below it")
        .post("/api/v1/wiki/spaces/{id}/pages", space(Level::Edit), api::create)
        .about("Write a page")
        .accepts(json!({"type": "object", "required": ["title"], "properties": {"title": text, "body": text, "parent": id}}))
        .get("/api/v1/wiki/pages/{id}", page(Level::View), api::page)
        .about("A page with its text and revision")
        .put("/api/v1/wiki/pages/{id}", page(Level::Edit), api::save)
        .about("Save a change made on revision `base`; 409 with both versions when others changed the same lines")
        .accepts(json!({"type": "object", "required": ["base", "title", "body"], "properties": {
            "base": {"type": "integer"}, "title": text, "body": text, "note": text}}))
        .get("/api/v1/wiki/search", Need::signed_in(), api::search)
        .about("Pages with all words of `q`, the best first")
        .query(serde_json::json!({"type": "object", "properties": {"q": {"type": "string", "description": "Words"}}}))
}
