//! Clouds and outdoor temperature of a site.

use super::noise::smooth;
use super::{Site, sun};
use bo_model::Time;

/// The weather at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weather {
    /// 0 clear to 1 overcast.
    pub cloud: f64,
    /// °C.
    pub temperature: f64,
}

/// Days differ, hours differ, and single clouds pass.
pub fn weather(seed: u64, site: &Site, at: Time) -> Weather {
    let seconds = at.0 as f64 / 1e6;
    let curve = |channel, period| smooth(seed, channel, seconds, period);
    let day = curve(1, 40.0 * 3600.0);
    let passing = curve(2, 900.0) * 0.6 + curve(3, 110.0) * 0.4;
    let cloud = (day * 1.1 - 0.25 + (passing - 0.5) * 0.9).clamp(0.0, 1.0);
    Weather { cloud, temperature: temperature(seed, site, at, cloud) }
}

fn temperature(seed: u64, site: &Site, at: Time, cloud: f64) -> f64 {
    let seconds = at.0 as f64 / 1e6;
    let year = (seconds / 31_556_952.0).fract() * std::f64::consts::TAU;
    let mild = 27.0 - 0.30 * site.latitude.abs();
    // Coldest three weeks after the turn of the year, warmest in the afternoon.
    let season = -(year - 0.36).cos() * (site.latitude.abs() / 6.0) * site.latitude.signum();
    let sun = sun::position(Time(at.0 - 2 * 3_600_000_000), site.latitude, site.longitude);
    let day = (sun.elevation / 12.0).clamp(-2.5, 4.5) * (1.0 - 0.5 * cloud);
    mild + season + day + (smooth(seed, 4, seconds, 60.0 * 3600.0) - 0.5) * 8.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lisbon_is_never_arctic_and_its_summer_is_warmer_than_its_winter() {
        let zone = jiff::tz::TimeZone::get("Europe/Lisbon").unwrap();
        let site = Site { latitude: 38.72, longitude: -9.14, zone };
        let mean = |first: i64| {
            let hours = (0..24 * 30).map(|hour| Time::from_seconds(first + hour * 3600));
            hours.map(|at| weather(3, &site, at).temperature).sum::<f64>() / 720.0
        };
        let (january, july) = (mean(1_767_225_600), mean(1_782_864_000));
        assert!((5.0..16.0).contains(&january), "{january}");
        assert!((17.0..29.0).contains(&july), "{july}");
    }
}
