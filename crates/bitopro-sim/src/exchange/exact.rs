//! Exact arithmetic whose results have no trailing zeros, as the simulator sends them.

use bitopro_model::{Decimal, exact_add, exact_sub};

/// Number of decimals to which products and averages are truncated.
pub(crate) const AMOUNT_SCALE: u32 = 8;

/// Returns `a + b`, or `None` if the sum cannot be represented exactly.
pub(crate) fn sum(a: Decimal, b: Decimal) -> Option<Decimal> {
    exact_add(a, b).map(|sum| sum.normalize())
}

/// Returns `a - b`, or `None` if the difference cannot be represented exactly.
pub(crate) fn difference(a: Decimal, b: Decimal) -> Option<Decimal> {
    exact_sub(a, b).map(|difference| difference.normalize())
}

/// Returns `a * b`, truncated after [`AMOUNT_SCALE`] decimals, or `None` if the product is too large.
pub(crate) fn truncated_product(a: Decimal, b: Decimal) -> Option<Decimal> {
    let product = a.mantissa().checked_mul(b.mantissa())?;
    let scale = a.scale() + b.scale();
    let excess = scale.saturating_sub(AMOUNT_SCALE);
    let kept = product.checked_div(10_i128.checked_pow(excess)?)?;
    Decimal::try_from_i128_with_scale(kept, scale - excess).ok().map(|product| product.normalize())
}

/// Returns `a / b`, truncated after [`AMOUNT_SCALE`] decimals, or `None` if `b` is zero or the quotient is too large.
pub(crate) fn truncated_quotient(a: Decimal, b: Decimal) -> Option<Decimal> {
    Some(a.checked_div(b)?.trunc_with_scale(AMOUNT_SCALE).normalize())
}

#[cfg(test)]
mod tests {
    use bitopro_model::{Decimal, parse_decimal};
    use proptest::prelude::{Strategy, any, prop_assert_eq, proptest};

    use super::{difference, sum, truncated_product};

    fn decimal(text: &str) -> Decimal {
        parse_decimal(text).unwrap()
    }

    #[test]
    fn a_sum_is_exact_or_none() {
        for (a, b, expected) in [
            ("999999999999.99999999", "0.00000001", Some("1000000000000")),
            ("999999999999.99999999", "-0.00000001", Some("999999999999.99999998")),
            ("0", "0.10", Some("0.1")),
            ("79228162514264337593543950335", "0.00000001", None),
            ("79228162514264337593543950335", "1", None),
            ("1", "0.0000000000000000000000000001", Some("1.0000000000000000000000000001")),
        ] {
            assert_eq!(
                sum(decimal(a), decimal(b)).map(|sum| sum.to_string()).as_deref(),
                expected,
                "{a} {b}"
            );
        }
    }

    #[test]
    fn products_are_truncated_rather_than_rounded() {
        for (a, b, expected) in [
            ("0.99999999", "0.99999999", Some("0.99999998")),
            ("0.00000009", "0.1", Some("0")),
            ("3", "2.5", Some("7.5")),
            ("79228162514264337593543950335", "79228162514264337593543950335", None),
        ] {
            let product = truncated_product(decimal(a), decimal(b));
            assert_eq!(product.map(|product| product.to_string()).as_deref(), expected, "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn subtraction_reverses_addition(
            a in (any::<i64>(), 0_u32..=12).prop_map(|(m, s)| Decimal::new(m, s)),
            b in (any::<i64>(), 0_u32..=12).prop_map(|(m, s)| Decimal::new(m, s)),
        ) {
            if let Some(sum) = sum(a, b) {
                prop_assert_eq!(difference(sum, b), Some(a));
            }
        }
    }
}
