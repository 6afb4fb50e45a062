//! Where the sun stands and what a surface gets of it.

use bo_model::Time;

/// Where the sun stands, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// Above the horizon; negative at night.
    pub elevation: f64,
    /// From north over east.
    pub azimuth: f64,
}

/// The sun's position to about a hundredth of a degree (US Naval Observatory, "Approximate Solar Coordinates").
pub fn position(at: Time, latitude: f64, longitude: f64) -> Position {
    let days = (at.0 as f64 / 1e6 - 946_728_000.0) / 86_400.0; // since J2000.0
    let anomaly = (357.529 + 0.985_600_28 * days).to_radians();
    let mean = 280.459 + 0.985_647_36 * days;
    let ecliptic = (mean + 1.915 * anomaly.sin() + 0.020 * (2.0 * anomaly).sin()).to_radians();
    let obliquity = (23.439 - 0.000_000_36 * days).to_radians();
    let ascension = (obliquity.cos() * ecliptic.sin()).atan2(ecliptic.cos());
    let declination = (obliquity.sin() * ecliptic.sin()).asin();
    let sidereal = (18.697_374_558 + 24.065_709_824_419_08 * days).rem_euclid(24.0) * 15.0;
    let hour = (sidereal + longitude).to_radians() - ascension;
    let north = latitude.to_radians();
    let elevation = (north.sin() * declination.sin() + north.cos() * declination.cos() * hour.cos()).asin();
    let azimuth = (-hour.sin()).atan2(declination.tan() * north.cos() - north.sin() * hour.cos());
    Position { elevation: elevation.to_degrees(), azimuth: azimuth.to_degrees().rem_euclid(360.0) }
}

/// Irradiance on the ground under so much cloud (0 clear to 1 overcast), W/m²: Haurwitz (1945) for the clear sky,
/// Kasten and Czeplak (1980) for the clouds.
pub fn ground(sun: Position, cloud: f64) -> f64 {
    let height = sun.elevation.to_radians().sin();
    if height <= 0.0 {
        return 0.0;
    }
    1098.0 * height * (-0.057 / height).exp() * (1.0 - 0.75 * cloud.powf(3.4))
}

/// Irradiance on a tilted surface, W/m²: the direct part by its angle, the diffuse part from the sky it sees.
pub fn tilted(sun: Position, cloud: f64, tilt: f64, azimuth: f64) -> f64 {
    let total = ground(sun, cloud);
    if total <= 0.0 {
        return 0.0;
    }
    let diffuse = total * (0.15 + 0.80 * cloud);
    let height = sun.elevation.to_radians();
    let tilt = tilt.to_radians();
    let turn = (sun.azimuth - azimuth).to_radians();
    let incidence = height.sin() * tilt.cos() + height.cos() * tilt.sin() * turn.cos();
    // Near the horizon the ratio would run away; the air takes most of that light.
    let direct = (total - diffuse) * incidence.max(0.0) / height.sin().max(0.1);
    (direct + diffuse * (1.0 + tilt.cos()) / 2.0).min(1200.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        Time(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    #[test]
    fn the_sun_stands_where_almanacs_say() {
        // Lisbon at its noon of the summer solstice: 90° − 38.72° + 23.44°.
        let noon = position(at("2026-06-21T12:38:00Z"), 38.72, -9.14);
        assert!((noon.elevation - 74.7).abs() < 0.3, "{noon:?}");
        assert!((noon.azimuth - 180.0).abs() < 3.0, "{noon:?}");
        let midnight = position(at("2026-06-21T00:30:00Z"), 38.72, -9.14);
        assert!(midnight.elevation < -20.0, "{midnight:?}");
        let morning = position(at("2026-03-20T07:00:00Z"), 51.9, 4.48);
        assert!((80.0..110.0).contains(&morning.azimuth), "the equinox sun rises in the east: {morning:?}");
    }

    #[test]
    fn nothing_shines_at_night_and_clouds_only_take_away() {
        let sun = Position { elevation: 40.0, azimuth: 160.0 };
        let night = Position { elevation: -3.0, azimuth: 290.0 };
        assert_eq!(tilted(night, 0.0, 10.0, 180.0), 0.0);
        assert!(ground(sun, 1.0) < ground(sun, 0.5) && ground(sun, 0.5) < ground(sun, 0.0));
        assert!((550.0..800.0).contains(&ground(sun, 0.0)));
    }
}
