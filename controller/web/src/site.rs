//! What a host name means: the workspace it is kept for, and the parts of the console that are served under its paths.

use crate::layout::NavItem;
use crate::routes::Route;
use axum::http::Method;
use axum::http::header;
use axum::http::request::Parts;
use bo_model::WorkspaceId;

/// A host name that means something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// One can work in no other workspace there.
    pub pinned: Option<WorkspaceId>,
    /// (path, address of the navigation's entry that opens there); nothing: all of the console.
    pub apps: Vec<(String, String)>,
}

impl Site {
    /// Where a path of it leads on to.
    pub fn door(&self, path: &str) -> Option<&str> {
        let path = if path == "/" { path } else { path.trim_end_matches('/') };
        let found = self.apps.iter().find(|(at, opens)| at == path && opens != path);
        found.map(|(_, opens)| opens.as_str())
    }

    /// Whether its navigation shows an entry.
    pub fn shows(&self, item: &NavItem) -> bool {
        self.apps.is_empty() || self.apps.iter().any(|(_, opens)| opens == item.href)
    }
}

/// The host name a request was sent to, as it came.
pub fn host(parts: &Parts) -> &str {
    let named = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    named.or(parts.uri.host()).unwrap_or("")
}

/// Whether a host's paths count for a route: pages do, and what is no route at all; not the API, scripts and health.
pub fn concerns(route: &Route) -> bool {
    let none = route.path == "/{*path}";
    route.method == Method::GET && !route.is_api() && (none || route.module != "web")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_a_site_leads_to_its_app_and_the_app_to_itself() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let site = Site { pinned: None, apps: vec![pair("/", "/wiki"), pair("/plans", "/events")] };
        assert_eq!(site.door("/"), Some("/wiki"));
        assert_eq!(site.door("/plans/"), Some("/events"));
        assert_eq!((site.door("/wiki"), site.door("/zones")), (None, None));
        assert_eq!(Site { pinned: None, apps: vec![pair("/wiki", "/wiki")] }.door("/wiki"), None);
    }
}
