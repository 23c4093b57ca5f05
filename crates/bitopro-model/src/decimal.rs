//! Decimals, exact: every digit and every trailing zero of the wire's text, or an error.

use std::fmt;

use rust_decimal::Decimal;
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error as ThisError;

/// Why a text is not a decimal that can be kept exactly.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum DecimalError {
    /// The text is not an optional minus, digits, and perhaps a point with more digits.
    #[error("not a plain decimal number such as `12.50`")]
    Syntax,
    /// The number is well formed and has more digits than [`Decimal`] can hold (28 always fit).
    #[error("more digits than can be kept exactly ({digits}; 28 always fit)")]
    TooManyDigits {
        /// How many digits the text has, leading zeros of a fraction included.
        digits: usize,
    },
}

/// Reads a decimal exactly: the value and its scale, so that `1.10` is written back as `1.10`.
///
/// Accepts what the exchange sends, `-?digits[.digits]` without superfluous leading zeros, and
/// nothing of what [`Decimal`]'s own parsers tolerate beside it (`+1`, `.5`, `1_000`, `1e3`). A
/// negative zero keeps its sign.
///
/// # Errors
/// [`DecimalError::Syntax`] for any other text, [`DecimalError::TooManyDigits`] for a number that would
/// have to be rounded. Nothing is ever rounded.
///
/// ```
/// use bitopro_model::parse_decimal;
///
/// assert_eq!(parse_decimal("999999999999.99999999")?.to_string(), "999999999999.99999999");
/// assert!(parse_decimal("1e-8").is_err());
/// # Ok::<(), bitopro_model::DecimalError>(())
/// ```
pub fn parse_decimal(text: &str) -> Result<Decimal, DecimalError> {
    let digits = plain_digits(text).ok_or(DecimalError::Syntax)?;
    let mut value = Decimal::from_str_exact(text).map_err(|_| DecimalError::TooManyDigits { digits })?;
    if value.is_zero() && text.starts_with('-') {
        value.set_sign_negative(true);
    }
    Ok(value)
}

/// Adds two decimals exactly, or returns `None` if [`Decimal`] cannot hold the sum; its own operators round there.
///
/// The sum has as many decimals as the operand with more of them, or fewer where only zeros are lost and the sum would
/// not fit otherwise. A sum of zero has no sign.
///
/// ```
/// use bitopro_model::{exact_add, parse_decimal};
///
/// let [small, large] = [parse_decimal("0.10")?, parse_decimal("9999999999999999999999999999")?];
/// assert_eq!(exact_add(small, small).map(|sum| sum.to_string()).as_deref(), Some("0.20"));
/// assert_eq!(exact_add(large, small), None);
/// # Ok::<(), bitopro_model::DecimalError>(())
/// ```
pub fn exact_add(a: Decimal, b: Decimal) -> Option<Decimal> {
    // The zeros at the end of an operand can be what does not fit. Without them, a sum that overflows has more digits
    // than a decimal holds.
    sum(a, b).or_else(|| sum(a.normalize(), b.normalize()))
}

/// Subtracts `b` from `a` exactly, or returns `None` if [`Decimal`] cannot hold the difference.
///
/// The difference has the decimals that the sum of [`exact_add`] has.
pub fn exact_sub(a: Decimal, b: Decimal) -> Option<Decimal> {
    exact_add(a, -b)
}

fn sum(a: Decimal, b: Decimal) -> Option<Decimal> {
    let mut scale = a.scale().max(b.scale());
    let units = |value: Decimal| value.mantissa().checked_mul(10_i128.checked_pow(scale - value.scale())?);
    let mut total = units(a)?.checked_add(units(b)?)?;
    loop {
        match Decimal::try_from_i128_with_scale(total, scale) {
            Ok(sum) => return Some(sum),
            Err(_) if scale > 0 && total % 10 == 0 => (total, scale) = (total / 10, scale - 1),
            Err(_) => return None,
        }
    }
}

/// The number of digits of a plain decimal, or `None` if the text is anything else.
fn plain_digits(text: &str) -> Option<usize> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (unsigned, None),
    };
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    if !all_digits(whole) || leading_zero || !fraction.is_none_or(all_digits) {
        return None;
    }
    Some(whole.len() + fraction.map_or(0, str::len))
}

/// A decimal on the wire: a JSON string, never a JSON number (which readers take for a float).
pub(crate) struct Exact(pub(crate) Decimal);

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(ExactVisitor)
    }
}

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

struct ExactVisitor;

impl Visitor<'_> for ExactVisitor {
    type Value = Exact;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal as a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Exact, E> {
        parse_decimal(text).map(Exact).map_err(|error| {
            let shown: String = text.chars().take(48).collect();
            let dots = if shown.len() < text.len() { "…" } else { "" };
            E::custom(format_args!("`{shown}{dots}`: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Decimal, DecimalError, exact_add, exact_sub, parse_decimal};
    use proptest::prelude::*;

    #[test]
    fn is_written_back_as_it_came() {
        for text in [
            "0",
            "-0",
            "-0.00",
            "0.00000000",
            "1.10",
            "-1.10",
            "9999799",
            "999999999999.99999999",
            "0.0000000000000000000000000001",
            "1234567890123456789012345678",
            "79228162514264337593543950335",
            "7922816251426433759354395033.5",
        ] {
            assert_eq!(parse_decimal(text).map(|d| d.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_would_be_rounded_is_an_error() {
        for (text, digits) in [
            ("79228162514264337593543950336", 29),
            ("0.00000000000000000000000000001", 30),
            ("1.00000000000000000000000000000", 30),
            ("1234567890123456789012345678901234567890", 40),
        ] {
            assert_eq!(parse_decimal(text), Err(DecimalError::TooManyDigits { digits }), "{text}");
        }
    }

    #[test]
    fn anything_but_a_plain_decimal_is_an_error() {
        for text in [
            "", "-", ".", ".5", "1.", "+1", "1_000", "1,000", "1e3", "1E-8", "NaN", "inf", "0x1", " 1", "1 ",
            "01", "00.5", "--1", "1.2.3", "1.-2", "１",
        ] {
            assert_eq!(parse_decimal(text), Err(DecimalError::Syntax), "{text:?}");
        }
    }

    fn decimal(text: &str) -> Decimal {
        parse_decimal(text).unwrap()
    }

    #[test]
    fn sums_and_differences_are_exact_or_none() {
        let max = "79228162514264337593543950335";
        for (a, b, expected) in [
            ("3", "-1.50", Some("1.50")),
            ("1", "-1.0", Some("0.0")),
            ("0.00", "1", Some("1.00")),
            ("5.0", "0.00", Some("5.00")),
            ("-0", "-0.0", Some("0.0")),
            ("0.1", "0.2", Some("0.3")),
            ("-0.00000001", "-0.00000001", Some("-0.00000002")),
            ("-0.00000001", "0.00000001", Some("0.00000000")),
            ("1.50000000", "-0.00000001", Some("1.49999999")),
            ("999999999999.99999999", "-0.00000001", Some("999999999999.99999998")),
            ("999999999999.99999999", "0.00000001", Some("1000000000000.00000000")),
            ("1", "0.0000000000000000000000000001", Some("1.0000000000000000000000000001")),
            ("9999999999999999999999999999", "-0.1", None),
            ("9999999999999999999999999999", "0.00", Some("9999999999999999999999999999")),
            ("7922816251426433759354395033.5", "0.50", Some("7922816251426433759354395034")),
            (max, "1", None),
            (max, "-1", Some("79228162514264337593543950334")),
            (max, "0.0000000000000000000000000000", Some(max)),
            (max, "0.0000000000000000000000000001", None),
            ("-79228162514264337593543950335", "-1", None),
        ] {
            let [a, b] = [a, b].map(decimal);
            for sum in [exact_add(a, b), exact_add(b, a), exact_sub(a, -b), exact_sub(b, -a)] {
                assert_eq!(sum.map(|sum| sum.to_string()).as_deref(), expected, "{a} + {b}");
            }
        }
    }

    /// 10^28: any decimal is a whole number of its inverse.
    const ONE: i128 = 10_i128.pow(28);

    /// A decimal in units of 10^-28, as a number of wholes and a rest that is not negative: more bits than an `i128`.
    fn parts(value: Decimal) -> (i128, i128) {
        let scale = 10_i128.pow(value.scale());
        let (whole, rest) = (value.mantissa().div_euclid(scale), value.mantissa().rem_euclid(scale));
        (whole, rest * (ONE / scale))
    }

    /// Returns whether a decimal can have this value, at any scale.
    fn can_be_held((whole, rest): (i128, i128)) -> bool {
        (0..=28).any(|scale| {
            let unit = 10_i128.pow(28 - scale);
            let units =
                whole.checked_mul(10_i128.pow(scale)).and_then(|units| units.checked_add(rest / unit));
            rest % unit == 0 && units.is_some_and(|units| units.unsigned_abs() < 1 << 96)
        })
    }

    /// Decimals of any size, including those close to the ends of the range and those with many trailing zeros.
    fn decimals() -> impl Strategy<Value = Decimal> {
        let digits = prop_oneof![
            0..1_i128 << 96,
            (0..1_i128 << 96).prop_map(|digits| digits >> 48),
            (0..100_i128).prop_map(|below| (1 << 96) - 1 - below),
            (0..1_000_i128, 0..=25_u32).prop_map(|(digits, zeros)| digits * 10_i128.pow(zeros)),
        ];
        (digits, 0..=28_u32, any::<bool>()).prop_map(|(digits, scale, is_negative)| {
            Decimal::from_i128_with_scale(if is_negative { -digits } else { digits }, scale)
        })
    }

    proptest! {
        #[test]
        fn a_sum_is_that_of_the_integers_or_cannot_be_held(a in decimals(), b in decimals()) {
            let ((a_whole, a_rest), (b_whole, b_rest)) = (parts(a), parts(b));
            let rest = a_rest + b_rest;
            let expected = (a_whole + b_whole + rest / ONE, rest % ONE);
            for sum in [exact_add(a, b), exact_sub(a, -b)] {
                prop_assert_eq!(sum.map(parts), can_be_held(expected).then_some(expected));
                if let Some(sum) = sum {
                    prop_assert!(sum.scale() <= a.scale().max(b.scale()));
                    prop_assert_eq!(exact_sub(sum, b), Some(a));
                }
            }
        }

        #[test]
        fn fault_33_twenty_eight_digits_always_survive(text in "-?(0|[1-9][0-9]{0,13})(\\.[0-9]{1,14})?") {
            prop_assert_eq!(parse_decimal(&text).map(|d| d.to_string()), Ok(text));
        }

        #[test]
        fn fault_33_longer_ones_survive_or_fail_but_never_change(text in "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,24})?") {
            if let Ok(value) = parse_decimal(&text) {
                prop_assert_eq!(value.to_string(), text);
            }
        }

        #[test]
        fn no_text_panics(text in ".{0,64}") {
            let _ = parse_decimal(&text);
        }
    }
}
