//! A floor map's drawing with its bound elements made links that carry the class of their state, and labels filled in. Pure.

use std::collections::BTreeMap;

/// How an element of the drawing is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Its state's class.
    pub class: String,
    /// Where it leads.
    pub href: String,
    /// For screen readers.
    pub label: String,
}

/// Something in a drawing that can stand for a thing: a group or shape with an id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Its id.
    pub id: String,
    /// For people: its label in the drawing, else its id.
    pub name: String,
    /// Ids of the text elements in it.
    pub texts: Vec<String>,
}

/// Elements whose content is drawn elsewhere, if at all.
const UNDRAWN: [&str; 6] = ["defs", "clipPath", "marker", "symbol", "pattern", "mask"];
/// Elements that can stand for something.
const SHAPES: [&str; 8] = ["g", "path", "rect", "circle", "ellipse", "polygon", "polyline", "use"];

/// The shapes of a drawing, in its order.
pub fn shapes(svg: &str) -> Vec<Shape> {
    let mut found: Vec<Shape> = Vec::new();
    // For each open element: whether it is drawn, and the shape it belongs to.
    let mut open: Vec<(bool, Option<usize>)> = Vec::new();
    let mut rest = svg;
    while let Some(at) = rest.find('<') {
        let Some(end) = rest[at..].find('>') else { break };
        let tag = &rest[at..=at + end];
        rest = &rest[at + end + 1..];
        if tag.starts_with("<?") || tag.starts_with("<!") {
            continue;
        }
        if tag.starts_with("</") {
            open.pop();
            continue;
        }
        let name = tag.trim_start_matches('<').split([' ', '>', '/', '\n']).next().unwrap_or("");
        let (drawn, inside) = open.last().copied().unwrap_or((true, None));
        let drawn = drawn && !UNDRAWN.contains(&name);
        let mut here = inside;
        match attribute(tag, "id").filter(|id| drawn && !id.is_empty()) {
            Some(id) if name == "text" => {
                if let Some(shape) = inside.and_then(|index| found.get_mut(index)) {
                    shape.texts.push(id.to_owned());
                }
            }
            Some(id) if SHAPES.contains(&name) => {
                let label = attribute(tag, "aria-label").unwrap_or(id);
                here = Some(found.len());
                found.push(Shape { id: id.to_owned(), name: unescape(label), texts: Vec::new() });
            }
            _ => {}
        }
        if !tag.ends_with("/>") {
            open.push((drawn, here));
        }
    }
    found
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

/// `svg` with elements by id as links, and text elements by id with their text. Everything else stays byte for byte; an
/// element that leads nowhere is no longer a control.
pub fn decorate(svg: &str, shown: &BTreeMap<&str, Shown>, labels: &BTreeMap<&str, String>) -> String {
    let mut out = String::with_capacity(svg.len() + 4096);
    let mut open: Vec<bool> = Vec::new();
    let mut rest = svg;
    let mut first = true;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        let Some(end) = rest[at..].find('>') else { break };
        let tag = &rest[at..=at + end];
        rest = &rest[at + end + 1..];
        if tag.starts_with("<?") || tag.starts_with("<!") {
            continue;
        }
        if tag.starts_with("</") {
            out.push_str(if open.pop().unwrap_or(false) { "</a>" } else { tag });
            continue;
        }
        let closed = tag.ends_with("/>");
        let id = attribute(tag, "id").unwrap_or("");
        let (new, linked) = match shown.get(id) {
            Some(shown) if closed => (around(tag, shown), false),
            Some(shown) => (link(tag, shown), true),
            _ if std::mem::take(&mut first) => {
                let plain = without(&without(tag, "role"), "aria-labelledby");
                (plain.replacen("<svg", "<svg role=\"group\"", 1), false)
            }
            _ if tag.contains("role=\"button\"") => (plain(tag), false),
            _ => (tag.to_owned(), false),
        };
        out.push_str(&new);
        if !closed {
            open.push(linked);
            if let Some(label) = labels.get(id) {
                out.push_str(&escape(label));
            }
        }
    }
    out + rest
}

fn link(tag: &str, shown: &Shown) -> String {
    let plain = plain(tag);
    let class = attribute(&plain, "class").unwrap_or("").to_owned();
    let body = without(&plain, "class");
    let name = body.trim_start_matches('<').split([' ', '>', '\n']).next().unwrap_or("g").to_owned();
    let link = format!(
        "<a class=\"{class} {}\" href=\"{}\" aria-label=\"{}\"",
        escape(&shown.class),
        escape(&shown.href),
        escape(&shown.label)
    );
    body.replacen(&format!("<{name}"), &link, 1)
}

/// A shape without children: the link goes around it.
fn around(tag: &str, shown: &Shown) -> String {
    let opened = tag.trim_end_matches("/>").trim_end();
    let name = opened.trim_start_matches('<').split([' ', '\n']).next().unwrap_or("path").to_owned();
    let id = attribute(tag, "id").unwrap_or("");
    let class = attribute(tag, "class").map(|class| format!(" class=\"{class}\"")).unwrap_or_default();
    let link = link(&format!("<{name} id=\"{id}\"{class}>"), shown);
    format!("{link}{}</a>", without(&plain(tag), "id"))
}

fn plain(tag: &str) -> String {
    without(&without(&without(tag, "role"), "tabindex"), "aria-label")
}

fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let (_, after) = tag.split_once(&format!(" {name}=\""))?;
    after.split_once('"').map(|(value, _)| value)
}

fn without(tag: &str, name: &str) -> String {
    match attribute(tag, name) {
        Some(value) => tag.replacen(&format!(" {name}=\"{value}\""), "", 1),
        None => tag.to_owned(),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SVG: &str = "<svg viewBox=\"0 0 1 1\" role=\"img\"><g id=\"room-01\" class=\"room\" tabindex=\"0\" role=\"button\" aria-label=\"Office\"><rect/><text id=\"value-01\"></text></g><g id=\"room-02\" class=\"room\" role=\"button\"></g></svg>";

    #[test]
    fn a_shape_without_children_gets_its_link_around_it() {
        let svg = "<svg><path id=\"hall\" class=\"floor\" d=\"M0 0h9\"/></svg>";
        let shown = Shown { class: "on".into(), href: "/h".into(), label: "Hall".into() };
        assert_eq!(
            decorate(svg, &BTreeMap::from([("hall", shown)]), &BTreeMap::new()),
            "<svg role=\"group\"><a class=\"floor on\" href=\"/h\" aria-label=\"Hall\" id=\"hall\"><path class=\"floor\" d=\"M0 0h9\"/></a></svg>"
        );
    }

    #[test]
    fn shapes_are_what_is_drawn_and_has_an_id_with_the_texts_in_it() {
        let svg = format!("{SVG}<svg><defs><path id=\"mark\"/></defs><path id=\"hall\" d=\"M0\"/></svg>");
        let found = shapes(&svg);
        let ids: Vec<&str> = found.iter().map(|shape| shape.id.as_str()).collect();
        assert_eq!(ids, ["room-01", "room-02", "hall"]);
        assert_eq!(
            (found[0].name.as_str(), found[0].texts.as_slice()),
            ("Office", &["value-01".to_owned()][..])
        );
    }

    #[test]
    fn a_bound_element_is_a_link_with_its_state_and_a_label_and_others_are_no_controls() {
        let shown =
            Shown { class: "occupied".into(), href: "/system/1".into(), label: "Office \"A\"".into() };
        let text = decorate(
            SVG,
            &BTreeMap::from([("room-01", shown)]),
            &BTreeMap::from([("value-01", "21 < 22 °C".to_owned())]),
        );
        assert!(text.contains("<a class=\"room occupied\" href=\"/system/1\" aria-label=\"Office &quot;A&quot;\" id=\"room-01\""), "{text}");
        assert!(text.contains("21 &lt; 22 °C</text></a>"), "{text}");
        assert!(text.contains("<g id=\"room-02\" class=\"room\"></g></svg>"), "{text}");
    }
}
