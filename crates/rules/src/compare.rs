//! Comparing data: numbers with numbers, words with words; what can't be compared is unknown, never false.

use crate::compiled::Op;
use crate::trace::Truth;
use bo_model::Data;
use std::cmp::Ordering;

/// `left op right`.
pub(crate) fn compare(left: &Data, op: Op, right: &Data) -> Truth {
    let (equal, ordering) = match (left, right) {
        (Data::Text(left), Data::Text(right)) => (left == right, None),
        (Data::Json(left), Data::Json(right)) => (left == right, None),
        (Data::None, _) | (_, Data::None) => return Truth::Unknown,
        _ => match (left.number(), right.number()) {
            (Some(left), Some(right)) => match left.partial_cmp(&right) {
                None => return Truth::Unknown,
                ordering => (ordering == Some(Ordering::Equal), ordering),
            },
            _ => return Truth::Unknown,
        },
    };
    let ordered = |wanted: &[Ordering]| match ordering {
        Some(ordering) => wanted.contains(&ordering).into(),
        None => Truth::Unknown,
    };
    match op {
        Op::Equals => equal.into(),
        Op::NotEquals => (!equal).into(),
        Op::Below => ordered(&[Ordering::Less]),
        Op::AtMost => ordered(&[Ordering::Less, Ordering::Equal]),
        Op::Above => ordered(&[Ordering::Greater]),
        Op::AtLeast => ordered(&[Ordering::Greater, Ordering::Equal]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_reals_and_switches_compare_as_numbers() {
        assert_eq!(compare(&Data::Int(3), Op::Equals, &Data::Float(3.0)), Truth::True);
        assert_eq!(compare(&Data::Bool(true), Op::Equals, &Data::Int(1)), Truth::True);
        assert_eq!(compare(&Data::Float(2.5), Op::AtLeast, &Data::Int(3)), Truth::False);
    }

    #[test]
    fn what_cannot_be_compared_is_unknown() {
        assert_eq!(compare(&"off".into(), Op::NotEquals, &Data::Int(0)), Truth::Unknown);
        assert_eq!(compare(&"a".into(), Op::Below, &"b".into()), Truth::Unknown);
        assert_eq!(compare(&Data::None, Op::Equals, &Data::None), Truth::Unknown);
        assert_eq!(compare(&Data::Float(f64::NAN), Op::NotEquals, &Data::Int(1)), Truth::Unknown);
    }
}
