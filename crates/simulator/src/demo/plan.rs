//! The demo's buildings as a compact description: everything else (estate files, fake devices, floor maps) is made from it.

use crate::world::people::Use;

/// A building.
#[derive(Clone, Debug)]
pub struct Building {
    /// `cedar`.
    pub key: String,
    /// For people.
    pub name: String,
    /// Where it stands, for people.
    pub city: &'static str,
    /// Key of its region.
    pub region: &'static str,
    /// IANA time zone.
    pub time_zone: &'static str,
    /// Degrees north and east.
    pub position: (f64, f64),
    /// From the ground up.
    pub levels: &'static [Level],
    /// Has the PV plant on its roof.
    pub pv: bool,
}

/// A storey.
#[derive(Debug)]
pub struct Level {
    /// 0 is the ground.
    pub index: i32,
    /// For people.
    pub name: &'static str,
    /// Folder in `zone-maps/`.
    pub map: &'static str,
    /// How its fan-coils and its meter are wired.
    pub bus: Bus,
    /// Along the street, from west to east.
    pub north: &'static [Room],
    /// Along the yard.
    pub south: &'static [Room],
}

impl Level {
    /// All its rooms that are systems.
    pub fn rooms(&self) -> impl Iterator<Item = &'static Room> {
        self.north.iter().chain(self.south).filter(|room| room.is_system())
    }
}

/// A Modbus bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    /// RS-485 on a serial port of the gateway.
    Serial,
    /// Behind a Modbus TCP gateway.
    Tcp,
}

/// A room, or a part of the floor that is none.
#[derive(Debug)]
pub struct Room {
    /// `03`; empty for stairs and the like.
    pub code: &'static str,
    /// For people.
    pub name: &'static str,
    /// What it is for.
    pub kind: Use,
    /// Seats or desks.
    pub places: u32,
    /// m².
    pub area: f64,
    /// Share of the row's length.
    pub width: f64,
    /// Displays.
    pub displays: u8,
    /// Has a switcher, and with it a logic device that turns the room on and off as one.
    pub av: bool,
    /// Sensors.
    pub sensors: u8,
    /// Fan-coil units.
    pub units: u8,
    /// Lights on a relay.
    pub lights: bool,
}

impl Room {
    const fn new(
        code: &'static str,
        name: &'static str,
        kind: Use,
        places: u32,
        area: f64,
        width: f64,
    ) -> Room {
        let (displays, av, sensors, units, lights) = (0, false, 1, 1, false);
        Room { code, name, kind, places, area, width, displays, av, sensors, units, lights }
    }

    /// Stairs, lifts, shafts.
    const fn core(name: &'static str, width: f64) -> Room {
        let mut room = Room::new("", name, Use::Technical, 0, 0.0, width);
        room.sensors = 0;
        room.units = 0;
        room
    }

    const fn displays(mut self, count: u8) -> Room {
        self.displays = count;
        self
    }

    const fn av(mut self) -> Room {
        self.av = true;
        self
    }

    const fn two(mut self) -> Room {
        self.sensors = 2;
        self.units = 2;
        self
    }

    const fn lit(mut self) -> Room {
        self.lights = true;
        self
    }

    /// Whether it has devices.
    pub fn is_system(&self) -> bool {
        !self.code.is_empty()
    }
}

use Use::{Cafe, Hall, Lobby, Meeting, Office, Technical};

const CEDAR: &[Level] = &[
    Level {
        index: 0,
        name: "Ground floor",
        map: "court-ground",
        bus: Bus::Serial,
        north: &[
            Room::new("01", "Reception", Lobby, 12, 64.0, 2.4).displays(1).lit(),
            Room::core("Entrance", 1.2),
            Room::new("02", "Café", Cafe, 40, 88.0, 3.2).displays(1).two().lit(),
            Room::new("03", "Mail room", Technical, 3, 22.0, 1.2),
        ],
        south: &[
            Room::new("04", "Auditorium", Hall, 120, 176.0, 4.0).displays(2).av().two().lit(),
            Room::core("Stairs and lifts", 1.2),
            Room::new("05", "Foyer", Lobby, 30, 62.0, 1.9).displays(1).lit(),
            Room::new("06", "Security", Office, 3, 24.0, 1.1),
            Room::new("07", "Workshop", Office, 6, 38.0, 1.5).lit(),
        ],
    },
    Level {
        index: 1,
        name: "First floor",
        map: "court-first",
        bus: Bus::Serial,
        north: &[
            Room::new("01", "Tejo", Meeting, 8, 30.0, 1.5).displays(1).lit(),
            Room::new("02", "Douro", Meeting, 8, 30.0, 1.5).displays(1).lit(),
            Room::new("03", "Open office east", Office, 28, 150.0, 4.6).two().lit(),
        ],
        south: &[
            Room::new("04", "Open office west", Office, 22, 118.0, 3.6).two().lit(),
            Room::core("Stairs and lifts", 1.2),
            Room::new("05", "Minho", Meeting, 6, 24.0, 1.2).displays(1).lit(),
            Room::new("06", "Sado", Meeting, 12, 42.0, 1.8).displays(1).av().lit(),
            Room::new("07", "Library", Office, 8, 40.0, 1.7),
        ],
    },
    Level {
        index: 2,
        name: "Second floor",
        map: "court-second",
        bus: Bus::Tcp,
        north: &[
            Room::new("01", "Boardroom", Meeting, 18, 72.0, 2.8).displays(2).av().two().lit(),
            Room::new("02", "Faro", Meeting, 6, 24.0, 1.2).displays(1).lit(),
            Room::new("03", "Sagres", Meeting, 6, 24.0, 1.2).displays(1).lit(),
            Room::new("04", "Studio", Meeting, 6, 44.0, 2.0).displays(1).av().lit(),
        ],
        south: &[
            Room::new("05", "Open office south", Office, 30, 160.0, 4.8).two().lit(),
            Room::core("Stairs and lifts", 1.2),
            Room::new("06", "Quiet room", Office, 6, 28.0, 1.3),
            Room::new("07", "Server room", Technical, 2, 26.0, 1.2),
        ],
    },
];

const QUAY: &[Level] = &[
    Level {
        index: 0,
        name: "Ground floor",
        map: "quay-ground",
        bus: Bus::Serial,
        north: &[
            Room::new("01", "Lobby", Lobby, 16, 70.0, 2.6).displays(1).lit(),
            Room::new("02", "Canteen", Cafe, 56, 130.0, 4.2).displays(1).two().lit(),
        ],
        south: &[
            Room::new("03", "Maas", Meeting, 16, 60.0, 2.4).displays(1).av().lit(),
            Room::new("04", "Rotte", Meeting, 10, 38.0, 1.6).displays(1).lit(),
            Room::core("Stairs and lifts", 1.2),
            Room::new("05", "Workshop", Office, 8, 56.0, 2.2).lit(),
            Room::new("06", "Stores", Technical, 2, 34.0, 1.4),
        ],
    },
    Level {
        index: 1,
        name: "First floor",
        map: "quay-first",
        bus: Bus::Tcp,
        north: &[
            Room::new("01", "Open office", Office, 36, 190.0, 5.4).two().lit(),
            Room::new("02", "Project room", Office, 10, 48.0, 1.8).displays(1).lit(),
        ],
        south: &[
            Room::new("03", "Schie", Meeting, 6, 24.0, 1.3).displays(1).lit(),
            Room::new("04", "Waal", Meeting, 8, 30.0, 1.5).displays(1).lit(),
            Room::core("Stairs and lifts", 1.2),
            Room::new("05", "Training room", Meeting, 20, 78.0, 2.8).displays(2).av().two().lit(),
            Room::new("06", "Quiet room", Office, 6, 26.0, 1.2),
        ],
    },
];

/// The storeys of every building, once each: what there are maps of.
pub fn storeys() -> impl Iterator<Item = &'static Level> {
    CEDAR.iter().chain(QUAY)
}

/// Regions: key and name.
pub const REGIONS: &[(&str, &str)] = &[
    ("iberia", "Iberia"),
    ("north-sea", "North Sea"),
    ("central", "Central Europe"),
    ("pacific", "Asia and Pacific"),
    ("americas", "Americas"),
];

/// Buildings beyond the first two, for the large size: name, city, region, time zone, position.
type Place = (&'static str, &'static str, &'static str, &'static str, (f64, f64));

const MORE: &[Place] = &[
    ("Olive Yard", "Seville", "iberia", "Europe/Madrid", (37.39, -5.98)),
    ("Harbour Steps", "Porto", "iberia", "Europe/Lisbon", (41.15, -8.61)),
    ("Mill Works", "Ghent", "north-sea", "Europe/Brussels", (51.05, 3.72)),
    ("Dock Nine", "Hamburg", "north-sea", "Europe/Berlin", (53.54, 9.99)),
    ("Canal Rooms", "Copenhagen", "north-sea", "Europe/Copenhagen", (55.67, 12.57)),
    ("Linden Hall", "Vienna", "central", "Europe/Vienna", (48.21, 16.37)),
    ("Tram Depot", "Zürich", "central", "Europe/Zurich", (47.38, 8.54)),
    ("Weir House", "Prague", "central", "Europe/Prague", (50.08, 14.43)),
    ("Foundry", "Kraków", "central", "Europe/Warsaw", (50.06, 19.94)),
    ("Banyan Place", "Singapore", "pacific", "Asia/Singapore", (1.29, 103.85)),
    ("Camellia Court", "Fukuoka", "pacific", "Asia/Tokyo", (33.59, 130.40)),
    ("Wattle Street", "Adelaide", "pacific", "Australia/Adelaide", (-34.93, 138.60)),
    ("Kauri Lane", "Wellington", "pacific", "Pacific/Auckland", (-41.29, 174.78)),
    ("Maple Row", "Montréal", "americas", "America/Toronto", (45.50, -73.57)),
    ("Jacaranda", "Mendoza", "americas", "America/Argentina/Mendoza", (-32.89, -68.84)),
    ("Cotton Exchange", "Savannah", "americas", "America/New_York", (32.08, -81.09)),
    ("Adobe Yard", "Oaxaca", "americas", "America/Mexico_City", (17.07, -96.72)),
    ("Pier Sheds", "Valparaíso", "americas", "America/Santiago", (-33.05, -71.61)),
];

/// How large a demo is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Size {
    /// Two buildings, some 150 devices.
    #[default]
    Small,
    /// Twenty buildings, some 1 500 devices.
    Large,
}

/// The buildings of a size.
pub fn buildings(size: Size) -> Vec<Building> {
    let cedar = Building {
        key: "cedar".into(),
        name: "Cedar Court".into(),
        city: "Lisbon",
        region: "iberia",
        time_zone: "Europe/Lisbon",
        position: (38.737, -9.141),
        levels: CEDAR,
        pv: true,
    };
    let quay = Building {
        key: "quay".into(),
        name: "Quay House".into(),
        city: "Rotterdam",
        region: "north-sea",
        time_zone: "Europe/Amsterdam",
        position: (51.905, 4.487),
        levels: QUAY,
        pv: false,
    };
    let mut all = vec![cedar, quay];
    if size == Size::Large {
        all.extend(MORE.iter().enumerate().map(|(index, (name, city, region, time_zone, position))| {
            Building {
                key: name.to_lowercase().replace(' ', "-"),
                name: (*name).into(),
                city,
                region,
                time_zone,
                position: *position,
                levels: if index % 2 == 0 { CEDAR } else { QUAY },
                pv: index % 3 == 0,
            }
        }));
    }
    all
}
