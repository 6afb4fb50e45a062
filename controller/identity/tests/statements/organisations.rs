//! Source 5: personal workspaces, organisations, events, licences.

use super::{Given, Statement, may, may_not};
use bo_identity::ceiling::CeilingKind::Licence;
use bo_identity::relation::Containment::{Capped, Gated, Open};
use bo_model::Level::{self, Edit, Own, See, View};

pub fn given() -> Vec<Given> {
    use Given::{Bound, Has, In, Joins};
    vec![
        // A person's own workspace, with an event in it.
        Has("pia", Own, "workspace:pia"),
        In("event:birthday", Open, "workspace:pia"),
        In("licence:pia", Gated, "workspace:pia"),
        // Another organisation, of which Pia is a member too.
        Has("olaf", Own, "workspace:other"),
        In("event:fair", Gated, "workspace:other"),
        Joins("pia", "group:other-members"),
        Has("group:other-members", View, "event:fair"),
        // The organisation's events are shared by its members.
        Joins("pia", "team"),
        Joins("std", "team"),
        Joins("pro", "team"),
        Joins("slo", "team"),
        In("event:gala", Gated, "org"),
        In("event:summit", Gated, "org"),
        Has("team", Edit, "event:gala"),
        Has("team", Edit, "event:summit"),
        In("zone:stage", Open, "event:gala"),
        In("zone:bar", Open, "event:gala"),
        In("task:lights", Open, "zone:stage"),
        In("task:drinks", Open, "zone:bar"),
        In("file:rider", Capped(View), "zone:stage"),
        // Licences: a seat for all events, or a slot on one.
        In("licence:pro", Gated, "org"),
        In("licence:gala", Open, "licence:pro"),
        In("licence:summit", Open, "licence:pro"),
        Joins("pro", "licence:pro"),
        Joins("slo", "licence:gala"),
        Joins("noor", "licence:pro"),
        Bound("event:gala", Licence, Level::None, "licence:gala", false),
        Bound("event:summit", Licence, Level::None, "licence:summit", true),
        // A free collaborator: a slice, which needs no slot; everybody else on it does.
        In("licence:gala/stage", Open, "licence:gala"),
        Joins("col", "licence:gala/stage"),
        Bound("zone:stage", Licence, Level::None, "licence:gala/stage", true),
        Bound("zone:bar", Licence, See, "licence:gala", true),
        Has("col", Edit, "zone:stage"),
        Has("col", See, "zone:bar"),
        // Money is for those who manage it.
        In("licence:subscription", Gated, "org"),
    ]
}

pub fn statements() -> Vec<Statement> {
    vec![
        may("5.1", "everybody has a workspace of their own", "pia", Own, "workspace:pia"),
        may_not(
            "5.1",
            "… for one person: an organisation's owner does not see it",
            "noor",
            See,
            "workspace:pia",
        ),
        may_not("5.1", "… nor a colleague", "pro", See, "workspace:pia"),
        may_not("5.1", "… nor what is in it", "noor", See, "event:birthday"),
        may("5.2", "in it one manages one's own licence", "pia", Own, "licence:pia"),
        may("5.2", "in it one runs events of one's own", "pia", Own, "event:birthday"),
        may_not("5.2", "nobody else works on them", "std", See, "event:birthday"),
        may("5.3", "members work together on the organisation's events", "pro", Edit, "event:gala"),
        may("5.3", "… with the places of the event", "pro", Edit, "zone:stage"),
        may("5.3", "… and the tasks", "pro", Edit, "task:drinks"),
        may_not("5.3", "being a member is not owning the event", "pro", Own, "event:gala"),
        may("5.4", "somebody belongs to several organisations", "pia", View, "event:fair"),
        may_not("5.4", "… and what they have in one is nothing in another", "pia", Edit, "event:fair"),
        may_not("5.4", "members of one see nothing of the other", "pro", See, "event:fair"),
        may_not("5.4", "the owner of one sees nothing of the other", "noor", See, "event:fair"),
        may_not("5.4", "… and the other way round", "olaf", See, "event:gala"),
        may_not("5.4", "… the organisation included", "olaf", See, "org"),
        may(
            "5.5",
            "licences are managed in one place, by the organisation's owner",
            "noor",
            Own,
            "licence:subscription",
        ),
        may_not("5.5", "… not by its members", "pro", See, "licence:subscription"),
        may("5.6", "a seat opens every event", "pro", Edit, "event:summit"),
        may("5.6", "a slot opens its event", "slo", Edit, "event:gala"),
        may_not("5.6", "… and no other", "slo", See, "event:summit"),
        may_not("5.6", "a member without seat and slot has no event", "std", See, "event:gala"),
        may_not("5.6", "… nor the other", "std", See, "event:summit"),
        may_not("5.6", "… nor its places by another way", "std", View, "zone:stage"),
        may("5.7", "whoever may see all events sees all tasks of them", "pro", View, "task:lights"),
        may("5.7", "with a slot, those of the event", "slo", View, "task:lights"),
        may_not("5.7", "without licence, none", "std", See, "task:lights"),
        may_not("5.7", "… in no roll-up", "std", View, "task:drinks"),
        may("5.8", "the owner has every event", "noor", Own, "event:gala"),
        may("5.8", "… and its parts", "noor", Own, "zone:bar"),
        may("5.9", "a free collaborator works in their own slice", "col", Edit, "zone:stage"),
        may("5.9", "… with its tasks", "col", Edit, "task:lights"),
        may("5.9", "… sees that there is another", "col", See, "zone:bar"),
        may_not("5.9", "… and not what is in it", "col", View, "zone:bar"),
        may_not("5.9", "… nor the event as a whole", "col", View, "event:gala"),
        may_not("5.9", "… nor other events", "col", See, "event:summit"),
        may(
            "5.10",
            "a file that is associated with a place is read by whoever has the place",
            "pro",
            View,
            "file:rider",
        ),
        may_not("5.10", "… and not changed by that", "pro", Edit, "file:rider"),
    ]
}
