//! Sunrise and sunset, within about a minute between the polar circles.
//!
//! Formulas: NOAA Global Monitoring Laboratory, "Solar Calculation Details" (the spreadsheet's columns, after
//! Jean Meeus, *Astronomical Algorithms*). Zenith 90.833° is the sun's upper edge at a standard atmosphere's
//! horizon, as NOAA defines both events.

use bo_model::Time;

/// Unix seconds of the epoch J2000.0 as the formulas use it (2000-01-01 12:00 UTC).
const J2000: f64 = 946_728_000.0;
const CENTURY: f64 = 36_525.0 * DAY;
const DAY: f64 = 86_400.0;
/// Degrees from the zenith at which the sun rises and sets.
const ZENITH: f64 = 90.833;

/// The sun at an instant: equation of time in seconds, declination in degrees.
fn sun_at(unix: f64) -> (f64, f64) {
    let t = (unix - J2000) / CENTURY;
    let mean_longitude = (280.466_46 + t * (36_000.769_83 + t * 0.000_303_2)).rem_euclid(360.0);
    let anomaly = 357.529_11 + t * (35_999.050_29 - 0.000_153_7 * t);
    let eccentricity = 0.016_708_634 - t * (0.000_042_037 + 0.000_000_126_7 * t);
    let m = anomaly.to_radians();
    let center = m.sin() * (1.914_602 - t * (0.004_817 + 0.000_014 * t))
        + (2.0 * m).sin() * (0.019_993 - 0.000_101 * t)
        + (3.0 * m).sin() * 0.000_289;
    let node = (125.04 - 1_934.136 * t).to_radians();
    let longitude = (mean_longitude + center - 0.005_69 - 0.004_78 * node.sin()).to_radians();
    let mean_obliquity =
        23.0 + (26.0 + (21.448 - t * (46.815 + t * (0.000_59 - t * 0.001_813))) / 60.0) / 60.0;
    let obliquity = (mean_obliquity + 0.002_56 * node.cos()).to_radians();
    let declination = (obliquity.sin() * longitude.sin()).asin().to_degrees();
    let y = (obliquity / 2.0).tan().powi(2);
    let l = mean_longitude.to_radians();
    let equation = y * (2.0 * l).sin() - 2.0 * eccentricity * m.sin()
        + 4.0 * eccentricity * y * m.sin() * (2.0 * l).cos()
        - 0.5 * y * y * (4.0 * l).sin()
        - 1.25 * eccentricity * eccentricity * (2.0 * m).sin();
    (equation.to_degrees() * 240.0, declination)
}

/// Sunrise (`rise`) or sunset of the solar day whose noon is nearest to `noon`, at latitude and longitude in
/// degrees (north and east positive). `None` where the sun stays up or down all day.
pub fn event(noon: Time, latitude: f64, longitude: f64, rise: bool) -> Option<Time> {
    let midnight = solar_midnight(noon.seconds() as f64, longitude);
    let mut at = midnight + DAY / 2.0;
    // The sun moves while the day passes: the second round uses its position at the event itself.
    for _ in 0..3 {
        let (equation, declination) = sun_at(at);
        let (phi, delta) = (latitude.to_radians(), declination.to_radians());
        let cosine = ZENITH.to_radians().cos() / (phi.cos() * delta.cos()) - phi.tan() * delta.tan();
        if !(-1.0..=1.0).contains(&cosine) {
            return None;
        }
        let half_day = cosine.acos().to_degrees() * 240.0;
        let transit = midnight + DAY / 2.0 - equation;
        at = if rise { transit - half_day } else { transit + half_day };
    }
    Some(Time::from_seconds(at.round() as i64))
}

/// Start of the mean solar day at `longitude` that has `noon` in it, unix seconds.
fn solar_midnight(noon: f64, longitude: f64) -> f64 {
    let shift = longitude * 240.0;
    ((noon + shift) / DAY).floor() * DAY - shift
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes_off(noon: &str, place: (f64, f64), rise: bool, expected: &str) -> f64 {
        let time = |text: &str| Time(text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
        let found = event(time(noon), place.0, place.1, rise).unwrap();
        (found.0 - time(expected).0).abs() as f64 / 60e6
    }

    #[test]
    fn sunrise_and_sunset_agree_with_almanacs() {
        // Berlin, summer and winter solstice, and the equator at an equinox: timeanddate.com, whole minutes.
        let berlin = (52.52, 13.405);
        assert!(minutes_off("2024-06-20T11:00:00Z", berlin, true, "2024-06-20T02:43:00Z") < 1.5);
        assert!(minutes_off("2024-06-20T11:00:00Z", berlin, false, "2024-06-20T19:33:00Z") < 1.5);
        assert!(minutes_off("2024-12-21T11:00:00Z", berlin, true, "2024-12-21T07:15:00Z") < 1.5);
        assert!(minutes_off("2024-12-21T11:00:00Z", berlin, false, "2024-12-21T14:54:00Z") < 1.5);
        let auckland = (-36.85, 174.76);
        assert!(minutes_off("2024-12-21T00:00:00Z", auckland, true, "2024-12-20T16:58:00Z") < 1.5);
        assert!(minutes_off("2024-12-21T00:00:00Z", auckland, false, "2024-12-21T07:39:00Z") < 1.5);
    }

    #[test]
    fn in_the_polar_night_the_sun_does_not_rise() {
        let noon = Time(jiff::Timestamp::from_second(1_734_778_800).unwrap().as_microsecond());
        assert_eq!(event(noon, 78.2, 15.6, true), None);
    }
}
