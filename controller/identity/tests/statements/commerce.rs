//! Source 4: back-office users. For each of the ten areas there is a viewer, an editor, an owner and somebody without selection.

use super::{Given, Statement, VERBS, may, may_not};
use bo_identity::area::{self, BACKOFFICE_AREAS, MENU};
use bo_model::Level::{self, Edit, Own, View};

/// A name that lives as long as the program: there are some hundred.
fn name(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

const ROLES: [(&str, Level); 3] = [("viewer", View), ("editor", Edit), ("owner", Own)];

pub fn given() -> Vec<Given> {
    let mut all = Vec::new();
    for area in BACKOFFICE_AREAS {
        for (role, level) in ROLES {
            all.push(Given::Has(name(format!("{role}-{area}")), level, name(format!("area:{area}"))));
        }
    }
    for area in area::SALES_PORTAL {
        all.push(Given::Has("rep", Edit, name(format!("area:{area}"))));
    }
    all.push(Given::Has("half", Edit, "area:sales"));
    all
}

pub fn statements() -> Vec<Statement> {
    let mut all = Vec::new();
    for word in BACKOFFICE_AREAS {
        let (area, object) = (area::find(word).unwrap(), name(format!("area:{word}")));
        for (place, (role, level)) in ROLES.into_iter().enumerate() {
            let (who, number) = (name(format!("{role}-{word}")), ["4.1", "4.2", "4.3"][place]);
            let mut needs: Vec<Level> = Vec::new();
            for (verb, does) in VERBS {
                // Creating and removing ask for the same level: said once.
                let need = area.need(verb);
                if !needs.contains(&need) {
                    needs.push(need);
                    let says = format!("the {role} of {} {does}", area.title);
                    let make =
                        |allowed| Statement { allowed, ..may(number, says.clone(), who, need, object) };
                    all.push(make(level >= need));
                }
            }
        }
        all.push(may_not(
            "4.4",
            format!("no selection for {} is no access", area.title),
            "nobody",
            Level::See,
            object,
        ));
        for other in BACKOFFICE_AREAS.into_iter().filter(|other| *other != word) {
            let says = format!("owning {} opens nothing of {other}", area.title);
            all.push(may_not(
                "4.5",
                says,
                name(format!("owner-{word}")),
                Level::See,
                name(format!("area:{other}")),
            ));
        }
    }
    for (place, word) in area::SALES_PORTAL.into_iter().enumerate() {
        let (object, title) = (name(format!("area:{word}")), area::find(word).unwrap().title);
        all.push(may("4.6", format!("the sales portal's fourth part {place}: {title}"), "rep", View, object));
        if word != "sales" {
            all.push(may_not("4.6", format!("the sales role alone has no {title}"), "half", View, object));
        }
    }
    all
}

#[test]
fn the_menu_shows_exactly_what_the_roles_open() {
    for word in BACKOFFICE_AREAS {
        for (_, given) in ROLES {
            let level = |area: &str| if area == word { given } else { Level::None };
            let shown = area::menu(level);
            let expected: Vec<_> =
                MENU.into_iter().filter(|(heading, _, area)| *area == word && *heading != "Sales").collect();
            assert_eq!(shown, expected, "{word}");
        }
    }
    let rep = |area: &str| if area::SALES_PORTAL.contains(&area) { Edit } else { Level::None };
    let sales = |entries: Vec<area::MenuEntry>| {
        entries.into_iter().filter(|(heading, _, _)| *heading == "Sales").count()
    };
    assert_eq!(sales(area::menu(rep)), 5, "the whole sales portal");
    let half = |area: &str| if area == "sales" { Own } else { Level::None };
    assert_eq!(sales(area::menu(half)), 0, "the sales role alone opens an empty portal");
    let missing: Vec<&str> = area::missing_for_sales(half).iter().map(|area| area.name).collect();
    assert_eq!(missing, ["customers", "products", "orders"]);
    assert!(area::missing_for_sales(rep).is_empty());
    assert_eq!(area::menu(|_| Own).len(), MENU.len());
    assert!(area::menu(|_| Level::None).is_empty());
}
