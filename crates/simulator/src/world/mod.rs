//! The world around the fake devices: sun, weather, people, rooms, energy. Pure: everything follows from a seed, a time and
//! what came before; nothing here knows a device, a socket or a clock.

pub mod noise;
pub mod people;
pub mod plant;
pub mod room;
pub mod sun;
pub mod trouble;
pub mod weather;

use bo_model::Time;
use jiff::tz::TimeZone;

/// A place on earth, with its civil time.
#[derive(Clone, Debug)]
pub struct Site {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// For people's days.
    pub zone: TimeZone,
}

/// Civil time as people live by it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LocalTime {
    /// Days since some first day; the same for one civil day.
    pub day: i64,
    /// Hours since midnight, with fractions.
    pub hour: f64,
    /// Saturday or Sunday.
    pub weekend: bool,
}

impl Site {
    /// The local time at an instant.
    pub fn local(&self, at: Time) -> LocalTime {
        let zoned = at.timestamp().to_zoned(self.zone.clone());
        let (date, time) = (zoned.date(), zoned.time());
        let seconds =
            f64::from(time.hour()) * 3600.0 + f64::from(time.minute()) * 60.0 + f64::from(time.second());
        let day = i64::from(date.year()) * 366 + i64::from(date.day_of_year());
        let weekend = matches!(date.weekday(), jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday);
        LocalTime { day, hour: seconds / 3600.0, weekend }
    }
}
