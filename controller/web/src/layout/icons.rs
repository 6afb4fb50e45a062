//! The console's icons: 24 × 24, drawn with lines in the text's colour.

use maud::{Markup, PreEscaped};

/// An icon by name; a plain dot for a name that is not known.
pub fn icon(name: &str) -> Markup {
    let path = match name {
        "brand" => "M4 21V8l8-5 8 5v13M9 21v-6h6v6M9 10h.01M15 10h.01",
        "menu" => "M4 7h16M4 12h16M4 17h16",
        "user" => "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4 21c0-4 3.6-6 8-6s8 2 8 6",
        "users" => {
            "M9 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM2 21c0-4 3-6 7-6s7 2 7 6M16 4.3a4 4 0 0 1 0 7.4M18 15.4c2.5.7 4 2.6 4 5.6"
        }
        "leave" => "M14 4H6a1 1 0 0 0-1 1v14a1 1 0 0 0 1 1h8M10 12h10m-4-4 4 4-4 4",
        "theme" => "M12 3a9 9 0 1 0 0 18V3Z",
        "sun" => {
            "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6 19 19M5 19l1.4-1.4M17.6 6.4 19 5"
        }
        "moon" => "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5Z",
        "overview" => "M4 4h7v9H4zM13 4h7v5h-7zM13 11h7v9h-7zM4 15h7v5H4z",
        "zone" | "building" => "M4 21V4h10v17M14 9h6v12M2 21h20M8 8h2M8 12h2M8 16h2M17 13h.01M17 17h.01",
        "map" => "m9 4-6 2v14l6-2 6 2 6-2V4l-6 2-6-2ZM9 4v14M15 6v14",
        "system" | "room" => "M5 21V3h11v18M3 21h18M12 12h.01M16 6h3v15",
        "device" => "M6 6h12v12H6zM9 2v4M15 2v4M9 18v4M15 18v4M2 9h4M2 15h4M18 9h4M18 15h4",
        "driver" => "M4 7l8-4 8 4v10l-8 4-8-4V7ZM4 7l8 4 8-4M12 11v10",
        "trigger" => "M13 2 5 14h6l-1 8 8-12h-6l1-8Z",
        "alarm" | "bell" => "M6 16V11a6 6 0 1 1 12 0v5l2 2H4l2-2ZM10 21h4",
        "edge" => "M4 14h16v6H4zM7 17h.01M11 17h6M12 14V9M8 6a5.6 5.6 0 0 1 8 0M5.500 3.500a9 9 0 0 1 13 0",
        "release" => "M12 3v12m-4-4 4 4 4-4M4 17v4h16v-4",
        "history" | "chart" => "M4 4v16h16M7 15l4-5 3 3 5-7",
        "audit" => "M12 3 5 6v6c0 4.500 3 7.500 7 9 4-1.500 7-4.500 7-9V6l-7-3ZM9 12l2 2 4-4",
        "group" => "M3 8h8v8H3zM13 4h8v7h-8zM13 14h8v6h-8z",
        "key" => "M9 15a4.500 4.500 0 1 1 3.500-3.500L21 20v1h-4v-2h-2v-2h-2l-2.500-2.500M7.500 10.500h.01",
        "settings" => "M4 7h10M18 7h2M4 12h2M10 12h10M4 17h8M16 17h4M14 5v4M6 10v4M12 15v4",
        "search" => "M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13ZM15.500 15.500 21 21",
        "plus" => "M12 5v14M5 12h14",
        "edit" => "M4 20v-4L16 4l4 4L8 20H4ZM14 6l4 4",
        "trash" => "M4 7h16M9 7V4h6v3M6 7l1 14h10l1-14M10 11v6M14 11v6",
        "download" => "M12 4v11m-4-4 4 4 4-4M5 20h14",
        "upload" => "M12 16V5m-4 4 4-4 4 4M5 20h14",
        "check" => "m5 13 4 4L19 7",
        "close" => "m6 6 12 12M18 6 6 18",
        "warning" => "M12 4 2.500 20h19L12 4ZM12 10v5M12 17.500h.01",
        "info" => "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 11v6M12 7.500h.01",
        "link" => {
            "M10 14a4 4 0 0 0 6 0l4-4a4.200 4.200 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-4 4a4.200 4.200 0 0 0 6 6l1-1"
        }
        "play" => "M7 4v16l13-8L7 4Z",
        "power" => "M12 3v9M7 6.500a8 8 0 1 0 10 0",
        "clock" => "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 7v5l3 2",
        "temperature" => "M10 14V5a2 2 0 1 1 4 0v9a4 4 0 1 1-4 0Z",
        "light" => "M9 18h6M10 21h4M8 14a6 6 0 1 1 8 0l-1 2H9l-1-2Z",
        "energy" | "pv" => "M4 5h16l2 10H2L4 5ZM12 5v10M3 10h18M12 15v4M8 21h8",
        "next" => "m9 5 7 7-7 7",
        "down" => "m6 9 6 6 6-6",
        "previous" => "m15 5-7 7 7 7",
        "copy" => "M9 9h11v11H9zM5 15H4V4h11v1",
        "book" => "M5 4h11a3 3 0 0 1 3 3v14H8a3 3 0 0 1-3-3V4ZM5 18a3 3 0 0 1 3-3h11M9 8h6",
        "calendar" => "M5 5h14v15H5zM5 10h14M9 3v4M15 3v4M9 14h.01M13 14h.01",
        "folder" => "M3 6h7l2 3h9v10H3V6Z",
        "tasks" => {
            "m4 6 1.500 1.500L8 5M4 12l1.500 1.500L8 11M4 18l1.500 1.500L8 17M11 6.500h9M11 12.500h9M11 18.500h9"
        }
        "more" => "M6 12h.01M12 12h.01M18 12h.01",
        "log" => "M5 3h14v18H5zM9 8h6M9 12h6M9 16h4",
        _ => "M12 13a1 1 0 1 0 0-2 1 1 0 0 0 0 2Z",
    };
    PreEscaped(format!(
        "<svg class=\"icon\" viewBox=\"0 0 24 24\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.75\" \
         stroke-linecap=\"round\" stroke-linejoin=\"round\" aria-hidden=\"true\"><path d=\"{path}\"/></svg>"
    ))
}
