//! How the registers of a SunSpec model read where the device implements nothing.
//!
//! One character a register, after the model's id and length, in the order of the public model definitions
//! (github.com/sunspec/models): `u` 0xFFFF for unsigned and enumerations, `i` 0x8000 for signed and scale factors, `f` the
//! first register of a float NaN (0x7FC0), `z` 0 for accumulators, text and second registers, a digit itself.

/// Model id → layout. 160 has two trackers.
const LAYOUTS: &[(u16, &str)] = &[
    (1, "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzui"),
    (101, INTEGERS),
    (102, INTEGERS),
    (103, INTEGERS),
    (111, FLOATS),
    (112, FLOATS),
    (113, FLOATS),
    (120, "uuiuiiiiiiuiiiiiiuiuiuiuii"),
    (121, "uuiuuuiiiiuiiiiuuuuuiiiiiiiiii"),
    (122, "uuuzzzzzzzzzzzzzzzzzzzzzzzziiuiuuuuzzzzuuuui"),
    (123, "uuuuuuuuiuuuuiiiuuuuuiii"),
    (124, "uuuuuuuuuuiiuuuuiiiiiiii"),
    (160, "iiiiuu2u1zzzzzzzzuuuzzuuiuuu2zzzzzzzzuuuzzuuiuuu"),
    (201, METER),
    (202, METER),
    (203, METER),
    (204, METER),
    (802, "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuiuuiuiuuiiiiiiiiiiii"),
];

const METER: &str = "iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiizzzzzzzzzzzzzzzzizzzzzzzzzzzzzzzzizzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzziuu";
const INTEGERS: &str = "uuuuiuuuuuuiiiuiiiiiiizziuiuiiiiiiiiuuuuuuuuuuuuuu";
const FLOATS: &str = "fzfzfzfzfzfzfzfzfzfzfzfzfzfzfzfzfzfzfzfzfzfzfzuuuuuuuuuuuuuu";

/// `SunS`, the marker in front of the first model.
pub const MARKER: [u16; 2] = [0x5375, 0x6E53];

/// A model without content: id, length, and its registers as "not implemented".
pub fn blank(model: u16) -> Option<Vec<u16>> {
    let (_, layout) = LAYOUTS.iter().find(|(id, _)| *id == model)?;
    let body = layout.chars().map(|kind| match kind {
        'u' => 0xFFFF,
        'i' => 0x8000,
        'f' => 0x7FC0,
        digit => digit.to_digit(10).unwrap_or(0) as u16,
    });
    Some([model, layout.len() as u16].into_iter().chain(body).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_have_the_lengths_of_their_definitions() {
        let lengths = [
            (1, 68),
            (103, 52),
            (113, 62),
            (120, 28),
            (121, 32),
            (122, 46),
            (123, 26),
            (124, 26),
            (160, 50),
            (203, 107),
            (802, 64),
        ];
        for (model, length) in lengths {
            assert_eq!(blank(model).unwrap().len(), length, "model {model}");
        }
    }
}
