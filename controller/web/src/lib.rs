//! The web side of the controller: one router for pages and API, one permission check, one form code, one layout.
//!
//! # Writing pages and API calls
//!
//! A module exports its routes; there is no way to add one without saying who may use it:
//!
//! ```ignore
//! pub fn routes() -> Routes {
//!     Routes::new("estate")
//!         .get("/systems/{id}", Need::object(Kind::SYSTEM, "id", Level::View), show)
//!         .about("A system with its devices")
//!         .post("/systems/{id}/rename", Need::object(Kind::SYSTEM, "id", Level::Own), rename)
//!         .about("Rename a system")
//!         .get("/api/v1/systems/{id}", Need::object(Kind::SYSTEM, "id", Level::View), api::show)
//!         .about("A system").returns(json!({"$ref": "#/components/schemas/System"}))
//! }
//! ```
//!
//! - [`Need`]: `Need::anyone("why")`, `Need::signed_in()`, `Need::account()`, `Need::object(kind, "path parameter", level)`,
//!   `Need::workspace_area("audit", level)`,
//!   `Need::module("wiki", level)`. What one may not see answers 404; what one sees and may not do, 403.
//!   Lists are `Need::signed_in()` or an area, and filter rows with [`Ctx::level`] or the list function of `bo-identity`.
//! - A handler is `async fn show(ctx: Ctx) -> Result<impl IntoResponse>`. [`Ctx`] has everything:
//!   [`Ctx::param`], [`Ctx::query`], [`Ctx::form`], [`Ctx::json`], [`Ctx::list`], [`Ctx::who`], [`Ctx::now`], [`Ctx::make_id`],
//!   [`Ctx::read`] (in place) and [`Ctx::write`] (a transaction whose audit records carry actor and origin by themselves),
//!   [`Ctx::require`] (level inside a transaction), [`Ctx::page`], [`Ctx::redirect`], [`Ctx::websocket`], [`Ctx::csrf`].
//! - Errors are [`WebError`]; `?` works on [`bo_db::DbError`]. Rendered as a page, or as
//!   `{"error":{"code","message","fields","request_id"}}` below `/api/`.
//! - Forms: `let input = ctx.form()?;` then `input.text("name")`, `input.parse::<u16>("port", &mut errors)`,
//!   `input.values(&fields)`. On [`WebError::BadInput`] render the same page again with `input.with_errors(fields)`:
//!   [`layout::form::field`] shows what was typed and the message beside the field. Every form starts with `(ctx.csrf())`.
//! - Lists: `let list = ctx.list(&SPEC)?;` gives search, sort, filters, limit and cursor; [`list::Keyset`] makes the SQL;
//!   [`list::Paged`] is the answer; [`layout::parts::pages`] the links below the table; [`reply::csv`] the export.
//! - Links to pages: plain paths in the singular words of the product: `/zones/{id}`, `/systems/{id}`, `/devices/{id}`,
//!   `/alarms`, `/triggers/{id}`, `/edges/{id}`, `/audit`, `/users`. The API is the same below `/api/v1`.
//!   A form posts to a path below its object: `POST /zones/{id}/rename`, `POST /zones` to create.
//! - No inline script or style: the content security policy refuses both. Live parts are custom elements of `islands/`.
//!
//! `app::App` is put together once, in `controller/src`.

pub mod access;
pub mod app;
pub mod assets;
pub mod civil;
pub mod csrf;
mod ctx;
mod dispatch;
mod elsewhere;
mod error;
pub mod health;
mod input;
pub mod layout;
pub mod list;
mod module;
mod need;
mod notes;
pub mod openapi;
pub mod reply;
mod routes;
pub mod server;
pub mod site;
pub mod testing;
mod upload;

pub use access::{Access, Credential, Theme, Via, Viewer};
pub use app::App;
pub use bo_model::{Kind, Level, Object};
pub use ctx::Ctx;
pub use dispatch::judge;
pub use error::{FieldErrors, Result, WebError};
pub use input::Input;
pub use layout::{NavItem, Page};
pub use list::{ListQuery, ListSpec, Paged};
pub use module::Module;
pub use need::Need;
pub use routes::{Route, Routes};
pub use upload::Upload;
