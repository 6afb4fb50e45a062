//! Source 1: the collaborative platform.

use super::{Given, Statement, may, may_not};
use bo_identity::area::GENERAL;
use bo_model::Level::{self, Edit, Own, View};

pub fn given() -> Vec<Given> {
    use Given::{Has, Joins};
    vec![
        Joins("tea", "team"),
        Joins("ada", "admin"),
        Joins("wes", "webmaster"),
        Joins("mia", "group:marketing"),
        Has("group:marketing", Own, "module:portfolio"),
        Joins("writer", "group:writers"),
        Has("group:writers", Edit, "module:wiki"),
        Has("group:writers", View, "module:crm"),
        Joins("general", "group:general"),
        Has("group:general", Own, "module:general"),
        Has("wik", Own, "module:wiki"),
        Has("blo", Own, "module:blog"),
        Has("con", Own, "module:contracts"),
        Has("crm", Own, "module:crm"),
        Has("vera", View, "module:contracts"),
        Has("edo", Edit, "module:contracts"),
        Has("moa", Own, "module:contracts"),
    ]
}

/// The modules under General, as objects.
const SHARED: [&str; 11] = [
    "module:cms",
    "module:portfolio",
    "module:directory",
    "module:awards",
    "module:events",
    "module:shop",
    "module:locations",
    "module:testimonials",
    "module:classifieds",
    "module:pv",
    "module:time",
];

pub fn statements() -> Vec<Statement> {
    assert_eq!(SHARED.len(), GENERAL.len());
    let mut all = vec![
        may("1.1", "staff contribute beyond their department", "tea", Edit, "module:testimonials"),
        may("1.2", "marketing curates the portfolio for the public site", "mia", Own, "module:portfolio"),
        may_not("1.2", "curating the portfolio is not moderating the blog", "mia", Own, "module:blog"),
        may_not(
            "1.3",
            "access comes from groups: without one there is only what is public",
            "sam",
            Edit,
            "module:cms",
        ),
        may("1.3", "without a group there is what is public", "sam", View, "module:cms"),
        may("1.4", "the public reads the general modules", "everyone", View, "module:general"),
        may_not("1.4", "the public writes nothing", "everyone", Edit, "module:general"),
        may("1.4", "the public reads the blog", "everyone", View, "module:blog"),
        may_not("1.4", "the public does not read the wiki", "everyone", View, "module:wiki"),
        may_not("1.4", "the public sees no customer", "everyone", Level::See, "module:crm"),
        may("1.5", "the team has most features: general", "tea", Edit, "module:general"),
        may("1.5", "the team has most features: wiki", "tea", Edit, "module:wiki"),
        may("1.5", "the team has most features: blog", "tea", Edit, "module:blog"),
        may("1.5", "the team operates buildings", "tea", Edit, "area:estate"),
        may_not("1.5", "most is not all: contracts", "tea", Level::See, "module:contracts"),
        may_not("1.5", "most is not all: customers", "tea", Level::See, "module:crm"),
        may_not("1.5", "the team manages nobody's access", "tea", View, "area:users"),
        may("1.6", "admins manage the access of other groups", "ada", Own, "area:users"),
        may("1.6", "access to contracts can be managed by admins", "ada", Own, "module:contracts"),
        may("1.6", "access to customers can be managed by admins", "ada", Own, "module:crm"),
        may_not("1.6", "admins do not configure the site", "ada", View, "area:settings"),
        may("1.7", "webmasters configure the site", "wes", Own, "area:settings"),
        may_not("1.7", "webmasters manage nobody's access", "wes", Edit, "area:users"),
        may("1.8", "groups beside the built-in ones work like them", "writer", Edit, "module:wiki"),
        may("1.9", "access differs from module to module", "writer", View, "module:crm"),
        may_not(
            "1.9",
            "access differs from module to module: no more than given",
            "writer",
            Edit,
            "module:crm",
        ),
        may_not(
            "1.9",
            "access differs from module to module: nothing where nothing was given",
            "writer",
            View,
            "module:contracts",
        ),
    ];
    for module in SHARED {
        all.push(may("1.10", format!("{module} follows the general arrangement"), "general", Own, module));
    }
    for (owner, own) in
        [("wik", "module:wiki"), ("blo", "module:blog"), ("con", "module:contracts"), ("crm", "module:crm")]
    {
        all.push(may_not(
            "1.11",
            format!("the general arrangement does not reach {own}"),
            "general",
            Own,
            own,
        ));
        for other in ["module:general", "module:wiki", "module:blog", "module:contracts", "module:crm"] {
            if other == own {
                all.push(may("1.11", format!("{own} has an arrangement of its own"), owner, Own, other));
            } else {
                all.push(may_not(
                    "1.11",
                    format!("what one has on {own} is nothing on {other}"),
                    owner,
                    Edit,
                    other,
                ));
            }
        }
    }
    all.extend([
        may_not("1.12", "none is no access", "tim", Level::See, "module:contracts"),
        may("1.13", "view reads", "vera", View, "module:contracts"),
        may_not("1.13", "view does not write", "vera", Edit, "module:contracts"),
        may("1.14", "edit creates and edits", "edo", Edit, "module:contracts"),
        may_not("1.14", "edit does not moderate", "edo", Own, "module:contracts"),
        may("1.15", "moderate has the powers beyond", "moa", Own, "module:contracts"),
    ]);
    all
}
