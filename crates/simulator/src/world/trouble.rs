//! What fails now and then: decided by chance that can be asked twice.

use super::noise::{channel, unit};
use crate::fake::Fault;
use bo_model::Time;
use std::time::Duration;

/// What is wrong with a device at an instant. Per device and quarter of an hour a small chance of one fault, which lasts some
/// minutes; `often` is the chance in percent.
pub fn fault(seed: u64, device: &str, at: Time, often: f64) -> Fault {
    let quarter = at.seconds().div_euclid(900);
    let into = at.seconds().rem_euclid(900) as f64;
    let me = channel(device);
    let id = quarter as u64;
    if unit(seed, me, id) * 100.0 >= often {
        return Fault::None;
    }
    let begins = unit(seed, me ^ 1, id) * 420.0;
    let lasts = 150.0 + unit(seed, me ^ 2, id) * 330.0;
    if into < begins || into >= begins + lasts {
        return Fault::None;
    }
    match (unit(seed, me ^ 3, id) * 10.0) as u32 {
        0..=5 => Fault::Offline,
        6 => Fault::Exception(4),
        7 => Fault::Slow(Duration::from_millis(700)),
        8 => Fault::Garbage,
        _ => Fault::Stuck,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_pass_and_come_again_the_same() {
        let hours = |device: &str| -> Vec<Fault> {
            (0..24 * 60).map(|minute| fault(9, device, Time::from_seconds(minute * 60), 5.0)).collect()
        };
        let first = hours("a");
        assert_eq!(first, hours("a"));
        assert_ne!(first, hours("b"));
        let broken = first.iter().filter(|fault| **fault != Fault::None).count();
        assert!((3..200).contains(&broken), "{broken} of 1440 minutes");
    }
}
