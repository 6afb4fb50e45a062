//! Chance that can be asked twice: numbers that follow from a seed and a place in time, without state.

/// A number of 64 bits from a seed and two coordinates (splitmix64, Steele, Lea and Flood 2014).
pub fn hash(seed: u64, a: u64, b: u64) -> u64 {
    let mut x = seed ^ a.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ b.wrapping_mul(0xD1B5_4A32_D192_ED03);
    for _ in 0..2 {
        x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
        x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^= x >> 31;
    }
    x
}

/// Evenly spread over 0..1.
pub fn unit(seed: u64, a: u64, b: u64) -> f64 {
    (hash(seed, a, b) >> 11) as f64 / (1u64 << 53) as f64
}

/// A smooth curve over 0..1 that changes its mind every `period` seconds.
pub fn smooth(seed: u64, channel: u64, seconds: f64, period: f64) -> f64 {
    let at = seconds / period;
    let (cell, part) = (at.floor(), at - at.floor());
    let value = |cell: f64| unit(seed, channel, cell as i64 as u64);
    let ease = part * part * (3.0 - 2.0 * part);
    value(cell) * (1.0 - ease) + value(cell + 1.0) * ease
}

/// A stable number for a name.
pub fn channel(name: &str) -> u64 {
    name.bytes()
        .fold(0xCBF2_9CE4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_fair_and_repeats() {
        let mean = (0..10_000).map(|at| unit(7, 1, at)).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
        assert_eq!(smooth(7, 1, 1234.5, 60.0), smooth(7, 1, 1234.5, 60.0));
        assert!((smooth(7, 1, 59.999, 60.0) - smooth(7, 1, 60.001, 60.0)).abs() < 1e-4, "no jumps");
    }
}
