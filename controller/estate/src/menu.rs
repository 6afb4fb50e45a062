//! Which entries of the navigation are for whom: those behind which there is something they may look at. Asked with every page,
//! so the answers are kept while nothing changes.

use crate::Estate;
use bo_db::{DbError, Tx};
use bo_identity::relation;
use bo_model::{Kind, Level, Object, SessionId, Time, WorkspaceId};
use bo_web::access::Access;
use bo_web::{NavItem, Need};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const fn entry(
    section: &'static str,
    title: &'static str,
    href: &'static str,
    icon: &'static str,
    need: Need,
) -> NavItem {
    NavItem { section, title, href, icon, need }
}

const ZONES: Need = Need::some(&[Kind::ZONE], "estate", Level::Edit);
const DEVICES: Need = Need::some(&[Kind::DEVICE], "estate", Level::Edit);
const EDGES: Need = Need::some(&[Kind::EDGE], "edges", Level::Own);

/// The estate's entries, in order.
pub const NAVIGATION: [NavItem; 9] = [
    entry(
        "",
        "Alarms",
        "/alarms",
        "alarm",
        Need::some(&[Kind::ZONE, Kind::SYSTEM, Kind::DEVICE, Kind::EDGE], "estate", Level::Edit),
    ),
    entry("Buildings", "Zones", "/zones", "zone", ZONES),
    entry("Buildings", "Systems", "/systems", "system", Need::some(&[Kind::SYSTEM], "estate", Level::Edit)),
    entry("Buildings", "Devices", "/devices", "device", DEVICES),
    entry(
        "Buildings",
        "Triggers",
        "/triggers",
        "trigger",
        Need::some(&[Kind::TRIGGER], "triggers", Level::Edit),
    ),
    entry("Buildings", "History", "/history", "history", DEVICES),
    entry("Operation", "Commands", "/commands", "play", DEVICES),
    entry("Operation", "Gateways", "/edges", "edge", EDGES),
    entry("Operation", "Releases", "/releases", "release", EDGES),
];

/// Answers that are kept; beyond, they start over.
const KEPT: usize = 4096;
/// How long an answer counts at most: grants end by themselves, too.
const COUNTS: Duration = Duration::from_secs(60);

/// Who asks, where, for what.
type Question = (SessionId, WorkspaceId, Kind);
/// As of which versions of graph and configuration.
type Versions = (i64, i64);

/// The questions the web asks, the one for the estate's objects included.
pub fn access(estate: &Arc<Estate>, base: Access) -> Access {
    let (estate, level) = (estate.clone(), base.level.clone());
    let answers: Mutex<HashMap<Question, (Versions, Time, bool)>> = Mutex::default();
    Access {
        some: Arc::new(move |tx, viewer, kind| {
            let registry = estate.registry();
            let versions = (relation::version(tx)?, registry.version);
            let (question, now) = ((viewer.session, viewer.workspace, kind), tx.now());
            let lock = || answers.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((as_of, at, some)) = lock().get(&question)
                && *as_of == versions
                && now.since(*at) < COUNTS
            {
                return Ok(*some);
            }
            let may = |tx: &mut Tx, object: Object| -> Result<bool, DbError> {
                Ok(level(tx, Some(viewer), &object)? >= Level::View)
            };
            let mut some = false;
            for object in registry.objects(viewer.workspace, kind) {
                some = may(tx, object)?;
                if some {
                    break;
                }
            }
            let mut answers = lock();
            if answers.len() >= KEPT {
                answers.clear();
            }
            answers.insert(question, (versions, now, some));
            Ok(some)
        }),
        ..base
    }
}
