//! A room's air: warmth, CO₂ and moisture, and the fan-coil that works on it.

/// The state of a room's air.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Air {
    /// °C.
    pub temperature: f64,
    /// ppm.
    pub co2: f64,
    /// % relative.
    pub humidity: f64,
}

/// What acts on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Acting {
    /// Floor, m².
    pub area: f64,
    /// People in it.
    pub people: u32,
    /// °C outside.
    pub outdoor: f64,
    /// Lights and machines, W.
    pub load: f64,
}

/// What a fan-coil unit was told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Told<'a> {
    /// `off`, `heat`, `cool`, `fan` or `auto`.
    pub mode: &'a str,
    /// `auto`, `low`, `medium` or `high`.
    pub fan: &'a str,
    /// °C.
    pub setpoint: f64,
}

/// What a fan-coil unit does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FanCoil {
    /// −1 full cooling to 1 full heating.
    pub valve: f64,
    /// Air changes an hour.
    pub air: f64,
    /// °C of the air it blows.
    pub supply: f64,
    /// Its fan turns.
    pub running: bool,
}

/// How the unit answers its orders and the room's temperature.
pub fn fan_coil(told: Told<'_>, temperature: f64) -> FanCoil {
    let short = told.setpoint - temperature;
    let valve = match told.mode {
        "heat" => (short * 0.7).clamp(0.0, 1.0),
        "cool" => (short * 0.7).clamp(-1.0, 0.0),
        // Half a degree in which it does neither.
        "auto" => ((short.abs() - 0.25).max(0.0) * 0.7 * short.signum()).clamp(-1.0, 1.0),
        _ => 0.0,
    };
    let air = match (told.mode, told.fan) {
        ("off", _) => 0.0,
        (_, "low") => 0.5,
        (_, "medium") => 1.3,
        (_, "high") => 3.2,
        (mode, _) => {
            if mode == "fan" {
                0.8
            } else {
                0.3 + valve.abs()
            }
        }
    };
    let supply = temperature + if valve > 0.0 { valve * 14.0 } else { valve * 9.0 };
    FanCoil {
        valve,
        air,
        supply,
        running: air > 0.0 && (valve != 0.0 || told.mode != "auto" || told.fan != "auto"),
    }
}

impl Air {
    /// The air of a room nobody was in for a night.
    pub fn fresh(temperature: f64) -> Air {
        Air { temperature, co2: 425.0, humidity: 43.0 }
    }

    /// Some time later. Heat: 45 Wh/K of storage, 1.1 W/K of loss and 90 W of heating or cooling per m²; 95 W a person.
    /// CO₂: 18 litres an hour a person (ASHRAE 62.1, office work), into a room three metres high.
    pub fn after(self, seconds: f64, acting: Acting, unit: FanCoil) -> Air {
        let mut air = self;
        let mut left = seconds.clamp(0.0, 6.0 * 3600.0);
        while left > 0.0 {
            let step = left.min(60.0);
            air = air.step(step / 3600.0, acting, unit);
            left -= step;
        }
        air
    }

    fn step(self, hours: f64, acting: Acting, unit: FanCoil) -> Air {
        let people = f64::from(acting.people);
        let power = 1.1 * acting.area * (acting.outdoor - self.temperature)
            + people * 95.0
            + acting.load
            + unit.valve * 90.0 * acting.area;
        let temperature = (self.temperature + power / (45.0 * acting.area) * hours).clamp(-10.0, 45.0);
        let volume = acting.area * 3.0;
        let changes = 0.7 + unit.air;
        let rest = 420.0 + people * 18_000.0 / (volume * changes);
        let co2 = rest + (self.co2 - rest) * (-changes * hours).exp();
        let wet = 40.0 + (people * 55.0 / volume / changes * 8.0).min(22.0);
        let humidity = wet + (self.humidity - wet) * (-changes * hours).exp();
        Air { temperature, co2: co2.clamp(400.0, 5000.0), humidity: humidity.clamp(15.0, 85.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Acting = Acting { area: 30.0, people: 8, outdoor: 12.0, load: 200.0 };

    #[test]
    fn a_full_room_gets_stuffy_and_a_fast_fan_clears_it() {
        let told = Told { mode: "auto", fan: "auto", setpoint: 21.0 };
        let mut air = Air::fresh(21.0);
        for _ in 0..60 {
            air = air.after(60.0, ROOM, fan_coil(told, air.temperature));
        }
        assert!(air.co2 > 1000.0, "{air:?}");
        let fast = Told { fan: "high", ..told };
        for _ in 0..60 {
            air = air.after(60.0, ROOM, fan_coil(fast, air.temperature));
        }
        assert!(air.co2 < 950.0, "{air:?}");
    }

    #[test]
    fn heating_reaches_its_set_point_and_stays_near_it() {
        let told = Told { mode: "auto", fan: "auto", setpoint: 21.0 };
        let cold = Acting { people: 0, load: 0.0, outdoor: 2.0, ..ROOM };
        let mut air = Air::fresh(15.0);
        for _ in 0..24 * 60 {
            air = air.after(60.0, cold, fan_coil(told, air.temperature));
        }
        assert!((20.0..21.5).contains(&air.temperature), "{air:?}");
    }

    #[test]
    fn a_unit_that_is_off_does_nothing() {
        let unit = fan_coil(Told { mode: "off", fan: "high", setpoint: 25.0 }, 15.0);
        assert_eq!((unit.valve, unit.air, unit.running), (0.0, 0.0, false));
    }
}
