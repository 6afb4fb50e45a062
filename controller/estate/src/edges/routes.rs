//! API of edges: state, enrolment, releases, gaps.

use super::{Edge, actions};
use crate::Estate;
use crate::configure::{self, EdgePatch, NewEdge};
use crate::fleet::EdgePresence;
use crate::fleet::availability::of_edge;
use crate::fleet::queries::{self as fleet, Watermark};
use crate::http::{Mention, finds, may, page, with, zone};
use crate::releases::queries::{self as releases, ReleaseLine};
use crate::state::LogOf;
use axum::response::Response;
use bo_model::release::{LinkConfig, ModbusShare};
use bo_model::{DeviceId, EdgeId, Time, ZoneId};
use bo_uplink::Enrolment;
use bo_web::list::ListSpec;
use bo_web::{Ctx, Kind, Level, Need, Result, Routes, WebError, reply};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the list of gateways offers.
pub const SPEC: ListSpec =
    ListSpec { sorts: &["name", "state"], sort: "name", desc: false, filters: &["zone", "state"] };

/// An edge in lists.
#[derive(Clone, Debug, Serialize)]
pub struct EdgeLine {
    /// Its id.
    pub id: EdgeId,
    /// Stable name.
    pub key: String,
    /// For people.
    pub name: String,
    /// The zone it serves.
    pub zone: Mention<ZoneId>,
    /// `new`, `enrolled` or `revoked`.
    pub state: super::EdgeState,
    /// What is known of it now.
    pub presence: EdgePresence,
    /// Its devices.
    pub devices: usize,
    /// Those that are not well.
    pub unwell: usize,
    /// Runs the newest release: absent when there is none.
    pub up_to_date: Option<bool>,
}

/// A device that is not well.
#[derive(Clone, Debug, Serialize)]
pub struct UnwellLine {
    /// The device.
    pub device: Mention<DeviceId>,
    /// Why.
    pub why: String,
    /// Since when.
    pub since: Time,
}

/// An edge with everything that is known of it.
#[derive(Serialize)]
struct EdgeView {
    #[serde(flatten)]
    line: EdgeLine,
    links: BTreeMap<String, LinkConfig>,
    shares: BTreeMap<String, ModbusShare>,
    watermarks: Vec<Watermark>,
    lag: u64,
    unwell_devices: Vec<UnwellLine>,
    releases: Vec<ReleaseLine>,
    gaps: Vec<fleet::GapLine>,
}

/// Routes of edges. `enrolment` is what the enrolment's answer needs besides the certificate.
pub fn routes(estate: &Arc<Estate>) -> Routes {
    let on = |level| Need::object(Kind::EDGE, "id", level);
    let links = json!({"type": "object", "additionalProperties": {"type": "object", "required": ["kind"]},
        "examples": [{"bus": {"kind": "modbus-tcp", "host": "10.0.0.7"}}]});
    let shares = json!({"type": "object", "additionalProperties": {"type": "object", "required": ["listen"], "additionalProperties": false,
        "properties": {"listen": {"type": "string"}, "writes": {"type": "boolean"}}}, "examples": [{"bus": {"listen": "0.0.0.0:1502"}}]});
    Routes::new("estate")
        .get("/api/v1/edges", Need::signed_in(), with(estate, list))
        .about("Gateways and how they are")
        .lists(&SPEC)
        .post("/api/v1/edges", Need::workspace_area("edges", Level::Own), with(estate, create))
        .about("Make a gateway; it enrols with a code")
        .accepts(json!({"type": "object", "required": ["name", "zone"], "additionalProperties": false, "properties": {
            "name": {"type": "string", "examples": ["Harbour gateway"]}, "key": {"type": ["string", "null"]},
            "zone": {"type": "string", "format": "uuid"}, "links": links.clone(), "shares": shares.clone()}}))
        .patch("/api/v1/edges/{id}", on(Level::Own), with(estate, change))
        .about("Change a gateway's name, zone, links or shares; links and shares are replaced as a whole")
        .accepts(json!({"type": "object", "additionalProperties": false, "properties": {
            "name": {"type": "string"}, "zone": {"type": "string", "format": "uuid"}, "links": links, "shares": shares}}))
        .get("/api/v1/edges/{id}", on(Level::View), with(estate, show))
        .about("A gateway: presence, links, watermarks, devices that are not well, releases, gaps")
        .get("/api/v1/edges/{id}/availability", on(Level::View), with(estate, availability))
        .about("How much of the last days a gateway could be reached, and when not")
        .query(crate::fleet::routes::days_schema())
        .get("/api/v1/edges/{id}/log", on(Level::View), with(estate, log))
        .about("The last lines of a gateway's own log")
        .post("/api/v1/edges/{id}/code", on(Level::Own), with(estate, code))
        .about("Make a one-time enrolment code; it is shown once")
        .post("/api/v1/edges/{id}/revoke", on(Level::Own), with(estate, revoke))
        .about("Refuse a gateway's certificates from now on and cut its connection")
}

/// The route that gateways enrol at, for the listener they reach.
pub fn enrolment_route(estate: &Arc<Estate>, enrolment: Enrolment) -> Routes {
    let estate = estate.clone();
    Routes::new("estate")
        .post("/api/v1/enroll", Need::anyone("the one-time code is the permission"), move |ctx| {
            enroll(estate.clone(), enrolment.clone(), ctx)
        })
        .about("Enrol a gateway with its one-time code")
        .accepts(json!({"type": "object", "required": ["code", "csr"], "properties": {
            "code": {"type": "string"}, "csr": {"type": "string", "description": "Certificate signing request, PEM"},
            "host": {"type": "string", "description": "The machine's own name, a hint for people"}}}))
        .body_limit(64 * 1024)
}

/// An edge as a line.
pub fn line(estate: &Estate, edge: &Edge, newest: Option<&str>) -> EdgeLine {
    let registry = estate.registry();
    let presence = estate.presence.of(edge.id);
    EdgeLine {
        id: edge.id,
        key: edge.key.clone(),
        name: edge.name.clone(),
        zone: zone(&registry, edge.zone),
        state: edge.state,
        devices: registry.devices.values().filter(|entry| entry.edge == edge.id).count(),
        unwell: presence.unwell.len(),
        up_to_date: newest.map(|hash| hash == presence.running),
        presence,
    }
}

/// A page of edges the viewer may see.
pub fn page_of_lines(estate: &Estate, ctx: &Ctx) -> Result<bo_web::Paged<EdgeLine>> {
    let (list, workspace, registry) = (ctx.list(&SPEC)?, ctx.workspace()?, estate.registry());
    let rows: Vec<EdgeLine> = ctx.read(|tx| {
        let newest = releases::newest_hashes(tx)?;
        let mut rows = Vec::new();
        for edge in registry.edges.values().filter(|edge| edge.workspace == workspace) {
            let wanted = finds(&list, [edge.name.as_str(), &edge.key])
                && list.filter("zone").is_none_or(|zone| edge.zone.to_string() == zone);
            if !wanted || !may(ctx, tx, Kind::EDGE, edge.id, Level::View)? {
                continue;
            }
            let hash = newest.iter().find(|(id, _)| *id == edge.id).map(|(_, hash)| hash.as_str());
            let line = line(estate, edge, hash);
            if list.filter("state").is_none_or(|state| state == state_word(&line)) {
                rows.push(line);
            }
        }
        Ok::<_, WebError>(rows)
    })?;
    let by_state = list.sort == "state";
    Ok(page(ctx, &list, rows, |line| {
        let state = if by_state { state_word(line) } else { "" };
        (format!("{state}\u{1}{}", line.name.to_lowercase()), line.id.to_string())
    }))
}

/// `online`, `offline`, `new` or `revoked`.
pub fn state_word(line: &EdgeLine) -> &'static str {
    match (line.state, line.presence.online) {
        (super::EdgeState::New, _) => "new",
        (super::EdgeState::Revoked, _) => "revoked",
        (super::EdgeState::Enrolled, true) => "online",
        (super::EdgeState::Enrolled, false) => "offline",
    }
}

async fn list(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&page_of_lines(&estate, &ctx)?))
}

/// Devices of an edge that are not well and that the viewer may see.
pub fn unwell(estate: &Estate, ctx: &Ctx, edge: EdgeId) -> Result<Vec<UnwellLine>> {
    let registry = estate.registry();
    let known = estate.presence.of(edge);
    ctx.read(|tx| {
        let mut found = Vec::new();
        for (device, unwell) in known.unwell {
            let Some(entry) = registry.devices.get(&device) else { continue };
            if may(ctx, tx, Kind::DEVICE, device, Level::See)? {
                let device = Mention { id: device, name: entry.device.name.clone() };
                found.push(UnwellLine { device, why: unwell.why, since: unwell.since });
            }
        }
        Ok(found)
    })
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let registry = estate.registry();
    let id: EdgeId = ctx.param("id")?;
    let edge = registry.edges.get(&id).ok_or(WebError::NotFound)?;
    let now = ctx.now();
    let (watermarks, releases, gaps) = ctx.read(|tx| {
        let month = Time(now.0 - 30 * 24 * 3_600_000_000);
        Ok::<_, WebError>((
            fleet::watermarks(tx, id)?,
            releases::list(tx, id, i64::MAX as u64, 10)?,
            fleet::gaps_between(tx, id, month, now)?,
        ))
    })?;
    let shares = edge.shares.clone();
    let unwell_devices = unwell(&estate, &ctx, id)?;
    let line = line(&estate, edge, releases.first().map(|release| release.hash.as_str()));
    let lag = line.presence.backlog;
    let links = edge.links.clone();
    Ok(reply::json(&EdgeView { line, links, shares, watermarks, lag, unwell_devices, releases, gaps }))
}

async fn create(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let new: NewEdge = ctx.json()?;
    let edge = configure::edges::create_edge(&estate, &ctx, new).await?;
    Ok(reply::created(&format!("/api/v1/edges/{}", edge.id), &edge))
}

async fn change(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let patch: EdgePatch = ctx.json()?;
    configure::edge(&estate, &ctx, ctx.param("id")?, patch).await?;
    show(estate, ctx).await
}

async fn availability(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let id: EdgeId = ctx.param("id")?;
    let edge = estate.registry().edges.get(&id).cloned().ok_or(WebError::NotFound)?;
    let (from, to) = crate::fleet::routes::days(&ctx)?;
    Ok(reply::json(&ctx.read(|tx| of_edge(tx, &edge, from, to))?))
}

async fn log(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let lines = estate.logs.changes(&LogOf::Edge(ctx.param("id")?), 0);
    Ok(reply::json(&json!({ "items": lines })))
}

/// Makes a code for the edge of the path.
pub async fn make_code(estate: &Estate, ctx: &Ctx) -> Result<String> {
    let id: EdgeId = ctx.param("id")?;
    let edge = estate.registry().edges.get(&id).cloned().ok_or(WebError::NotFound)?;
    let authority = estate.authority.clone();
    Ok(ctx.write(move |tx| actions::make_code(tx, &authority, &edge)).await?)
}

async fn code(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let code = make_code(&estate, &ctx).await?;
    Ok(reply::json(&json!({ "code": code, "expires_at": ctx.now().after(bo_uplink::CODE_LIFE) })))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    #[serde(default)]
    reason: String,
}

async fn revoke(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let body: Reason = if ctx.body().is_empty() { Reason::default() } else { ctx.json()? };
    actions::revoke(&estate, ctx.author(), ctx.param("id")?, body.reason).await?;
    Ok(reply::done())
}

async fn enroll(estate: Arc<Estate>, enrolment: Enrolment, ctx: Ctx) -> Result<Response> {
    let request = ctx.json()?;
    let outcome = actions::enrol(&estate, ctx.author(), enrolment, request).await;
    let reply = outcome.map_err(|error| match error {
        actions::EnrollError::Db(error) => error.into(),
        actions::EnrollError::Refused(bo_uplink::Refusal::Request(error)) => {
            WebError::field("csr", error.to_string())
        }
        // One sentence for all, so that nobody learns which codes exist; the audit log has the reason.
        actions::EnrollError::Refused(_) => WebError::Forbidden(
            "This enrolment code is not good, or not any more. Make a new one for the gateway.".into(),
        ),
    })?;
    Ok(bo_web::reply::json(&reply))
}
