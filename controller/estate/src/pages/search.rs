//! Search over everything as a page: for whoever has no script, and to show more than the palette does.

use super::parts as own;
use crate::Estate;
use crate::fleet::routes::hits;
use crate::http::with;
use bo_web::layout::parts;
use bo_web::{Ctx, Need, Page, Result, Routes};
use maud::{Markup, html};
use std::sync::Arc;

pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate")
        .get("/search", Need::signed_in(), with(estate, show))
        .about("Find zones, systems, devices, gateways and triggers by name")
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Markup> {
    let asked = ctx.query_value("q");
    let hits = hits(&estate, &ctx, &asked)?;
    let body = html! {
        form.toolbar action="/search" method="get" role="search" {
            (parts::search("search-q", &asked, "Room, device, building"))
        }
        section.card.card--flush {
            @if hits.is_empty() {
                (parts::empty("search", if asked.is_empty() { "What do you look for?" } else { "Nothing found" }, "Type a part of the name of a building, a room, a device, a gateway or a trigger.", None))
            } @else {
                ul.feed { @for hit in &hits { li {
                    span.feed__head { a href=(hit.href) { (hit.title) } span.badge.badge--plain { (own::humane(hit.kind)) } }
                    span.muted { (hit.about) }
                } } }
            }
        }
    };
    Ok(ctx.page(Page::new("Search", "", body)))
}
