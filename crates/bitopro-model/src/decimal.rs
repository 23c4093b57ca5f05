//! Exact decimals: every digit and trailing zero on the wire is kept, or parsing fails.

use std::fmt;

use arrayvec::ArrayString;
use rust_decimal::Decimal;
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error as ThisError;

use crate::predicted::digits::{Digits, digits, power_of_ten};

/// The error returned by [`parse_decimal`].
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum DecimalError {
    /// The text is not an optional minus sign and digits without extra leading zeros, optionally followed by a
    /// point and more digits.
    #[error("expected digits with an optional minus sign and decimal point, such as `12.50`")]
    Syntax,
    /// The number is well formed, but has more digits than [`Decimal`] can hold. Up to 28 always fit.
    #[error("too many digits ({digits}) to store exactly; up to 28 always fit")]
    TooManyDigits {
        /// Number of digits in the text, including leading zeros of a fraction.
        digits: usize,
    },
}

/// Parses a decimal without rounding. The scale is kept, so `1.10` is written back as `1.10`.
///
/// Accepts the format of the exchange: an optional minus sign, digits without extra leading zeros, and
/// optionally a point and more digits. Unlike [`Decimal`]'s own parsers, it rejects `+1`, `.5`, `1_000` and
/// `1e3`. A negative zero keeps its sign.
///
/// # Errors
///
/// Returns [`DecimalError::TooManyDigits`] for a number that would have to be rounded, and
/// [`DecimalError::Syntax`] for any other text.
///
/// # Examples
///
/// ```
/// use bitopro_model::parse_decimal;
///
/// assert_eq!(parse_decimal("999999999999.99999999")?.to_string(), "999999999999.99999999");
/// assert!(parse_decimal("1e-8").is_err());
/// # Ok::<(), bitopro_model::DecimalError>(())
/// ```
pub fn parse_decimal(text: &str) -> Result<Decimal, DecimalError> {
    if let Some((value, [])) = scan_decimal(text.as_bytes()) {
        return Ok(value);
    }
    let digits = count_digits(text).ok_or(DecimalError::Syntax)?;
    let mut value = Decimal::from_str_exact(text).map_err(|_| DecimalError::TooManyDigits { digits })?;
    if value.is_zero() && text.starts_with('-') {
        value.set_sign_negative(true);
    }
    Ok(value)
}

/// Adds two decimals exactly, or returns `None` if [`Decimal`] cannot hold the sum.
///
/// The operators of [`Decimal`] would round such a sum. The sum has the larger scale of the two operands;
/// trailing zeros are dropped only if the sum would not fit otherwise. A sum of zero has no sign.
///
/// # Examples
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
    // Trailing zeros of an operand alone can make the sum overflow. If it still overflows without them, a
    // decimal cannot hold the sum.
    sum(a, b).or_else(|| sum(a.normalize(), b.normalize()))
}

/// Subtracts `b` from `a` exactly, or returns `None` if [`Decimal`] cannot hold the difference.
///
/// The scale of the difference follows the rules of [`exact_add`].
pub fn exact_sub(a: Decimal, b: Decimal) -> Option<Decimal> {
    exact_add(a, -b)
}

/// Multiplies two decimals exactly, or returns `None` if [`Decimal`] cannot hold the product.
///
/// The product has the sum of both scales; trailing zeros are dropped only if the product would not fit otherwise. A
/// product of zero has no sign.
pub fn exact_mul(a: Decimal, b: Decimal) -> Option<Decimal> {
    let (mut a_units, mut b_units, mut scale) = (a.mantissa(), b.mantissa(), a.scale() + b.scale());
    loop {
        let units = a_units.checked_mul(b_units);
        let product = units.and_then(|units| Decimal::try_from_i128_with_scale(units, scale).ok());
        if product.is_some() || scale == 0 {
            return product;
        }
        // Drops a trailing zero of the product, which itself may not fit into 128 bits.
        for prime in [2, 5] {
            let factor = [&mut a_units, &mut b_units].into_iter().find(|units| **units % prime == 0)?;
            *factor /= prime;
        }
        scale -= 1;
    }
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

/// Reads the decimal at the start of a text, if any, and returns it with the rest of the text. Returns `None` for some
/// long ones too, which [`parse_decimal`] then reads in another way.
#[inline(always)]
pub(crate) fn scan_decimal(text: &[u8]) -> Option<(Decimal, &[u8])> {
    /// Maximum number of digits that fit into 64 bits.
    const SHORT: usize = 19;

    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let is_negative = unsigned.len() < text.len();
    let whole = digits(unsigned);
    if whole.count == 0 || whole.count > 1 && unsigned.starts_with(b"0") {
        return None;
    }
    let fraction = match whole.rest {
        [b'.', rest @ ..] => Some(digits(rest)).filter(|fraction| fraction.count > 0)?,
        rest => Digits { value: 0, count: 0, rest },
    };
    let scale = u32::try_from(fraction.count).ok()?;
    let mut value = if whole.count + fraction.count <= SHORT {
        let units = whole.value * power_of_ten(fraction.count) + fraction.value;
        let [low, middle] = [units & u64::from(u32::MAX), units >> 32].map(u32::try_from);
        Decimal::from_parts(low.ok()?, middle.ok()?, 0, is_negative, scale)
    } else if whole.count <= SHORT && fraction.count <= SHORT {
        let units =
            i128::from(whole.value) * i128::from(power_of_ten(fraction.count)) + i128::from(fraction.value);
        Decimal::try_from_i128_with_scale(units, scale).ok()?
    } else {
        return None;
    };
    if is_negative {
        // A zero keeps its sign too.
        value.set_sign_negative(true);
    }
    Some((value, fraction.rest))
}

/// Returns the number of digits of a plain decimal, or `None` if the text is anything else.
fn count_digits(text: &str) -> Option<usize> {
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

/// A decimal on the wire: a JSON string, or an integer. A JSON number with a fraction or an exponent is
/// rejected, because parsers turn it into a float.
#[derive(Debug)]
pub struct DecimalText(pub(crate) Decimal);

impl<'de> Deserialize<'de> for DecimalText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DecimalTextVisitor)
    }
}

impl Serialize for DecimalText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let units = self.0.mantissa().unsigned_abs();
        let (mut short, mut long) = (itoa::Buffer::new(), itoa::Buffer::new());
        let digits = match u64::try_from(units) {
            Ok(units) => short.format(units),
            Err(_) => long.format(units),
        };
        match self.0.scale() as usize {
            0 if !self.0.is_sign_negative() => serializer.serialize_str(digits),
            scale => serializer.serialize_str(&with_point(digits, scale, self.0.is_sign_negative())),
        }
    }
}

/// Returns a decimal of these digits, of which `scale` are after the point. Like `Display` of [`Decimal`], but several
/// times faster.
fn with_point(digits: &str, scale: usize, is_negative: bool) -> ArrayString<32> {
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale));
    let mut text = ArrayString::new();
    if is_negative {
        text.push('-');
    }
    text.push_str(if whole.is_empty() { "0" } else { whole });
    if scale > 0 {
        text.push('.');
        (fraction.len()..scale).for_each(|_| text.push('0'));
        text.push_str(fraction);
    }
    text
}

struct DecimalTextVisitor;

impl Visitor<'_> for DecimalTextVisitor {
    type Value = DecimalText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal as a string or an integer")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<DecimalText, E> {
        Ok(DecimalText(number.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<DecimalText, E> {
        Ok(DecimalText(number.into()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<DecimalText, E> {
        parse_decimal(text).map(DecimalText).map_err(|error| {
            let excerpt: String = text.chars().take(48).collect();
            let ellipsis = if excerpt.len() < text.len() { "…" } else { "" };
            E::custom(format_args!("`{excerpt}{ellipsis}`: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Decimal, DecimalError, DecimalText, exact_add, exact_mul, exact_sub, parse_decimal};
    use proptest::prelude::*;

    #[test]
    fn every_digit_and_trailing_zero_is_written_back() {
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
    fn a_number_that_would_be_rounded_is_an_error() {
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

    /// The number 1 in units of 10^-28. Every decimal is a multiple of this unit.
    const ONE: i128 = 10_i128.pow(28);

    /// Splits a decimal into its integer part and a non-negative fraction in units of 10^-28. A single `i128`
    /// cannot hold both.
    fn parts(value: Decimal) -> (i128, i128) {
        let scale = 10_i128.pow(value.scale());
        let (whole, rest) = (value.mantissa().div_euclid(scale), value.mantissa().rem_euclid(scale));
        (whole, rest * (ONE / scale))
    }

    /// Returns whether a `Decimal` of any scale can hold this value.
    fn is_representable((whole, rest): (i128, i128)) -> bool {
        (0..=28).any(|scale| {
            let unit = 10_i128.pow(28 - scale);
            let units =
                whole.checked_mul(10_i128.pow(scale)).and_then(|units| units.checked_add(rest / unit));
            rest % unit == 0 && units.is_some_and(|units| units.unsigned_abs() < 1 << 96)
        })
    }

    /// Generates decimals of any size, including some near the limits and some with many trailing zeros.
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

    /// Multiplies in two halves of 96 bits, and drops trailing zeros until the product fits.
    fn product(a: Decimal, b: Decimal) -> Option<Decimal> {
        const HALF: u128 = 1 << 48;
        let [x, y] = [a, b].map(|value| value.mantissa().unsigned_abs());
        let middle = (x / HALF) * (y % HALF) + (x % HALF) * (y / HALF);
        let low = (x % HALF) * (y % HALF) + (middle % HALF) * HALF;
        let (mut high, mut low) = ((x / HALF) * (y / HALF) + middle / HALF + (low >> 96), low % (1 << 96));
        let mut scale = a.scale() + b.scale();
        while high > 0 || scale > 28 {
            let rest = ((high % 10) << 96) + low;
            if scale == 0 || rest % 10 != 0 {
                return None;
            }
            (high, low, scale) = (high / 10, rest / 10, scale - 1);
        }
        let units = i128::try_from(low).unwrap();
        let is_negative = a.is_sign_negative() != b.is_sign_negative();
        Some(Decimal::from_i128_with_scale(if is_negative { -units } else { units }, scale))
    }

    proptest! {
        #[test]
        fn a_product_matches_integer_arithmetic_or_is_none(a in decimals(), b in decimals()) {
            let text = |value: Option<Decimal>| value.map(|value| value.to_string());
            prop_assert_eq!(text(exact_mul(a, b)), text(product(a, b)));
            prop_assert_eq!(text(exact_mul(b, a)), text(product(a, b)));
        }

        #[test]
        fn a_sum_matches_integer_arithmetic_or_is_none(a in decimals(), b in decimals()) {
            let ((a_whole, a_rest), (b_whole, b_rest)) = (parts(a), parts(b));
            let rest = a_rest + b_rest;
            let expected = (a_whole + b_whole + rest / ONE, rest % ONE);
            for sum in [exact_add(a, b), exact_sub(a, -b)] {
                prop_assert_eq!(sum.map(parts), is_representable(expected).then_some(expected));
                if let Some(sum) = sum {
                    prop_assert!(sum.scale() <= a.scale().max(b.scale()));
                    prop_assert_eq!(exact_sub(sum, b), Some(a));
                }
            }
        }

        #[test]
        fn fault_33_up_to_28_digits_are_always_kept(text in "-?(0|[1-9][0-9]{0,13})(\\.[0-9]{1,14})?") {
            prop_assert_eq!(parse_decimal(&text).map(|d| d.to_string()), Ok(text));
        }

        #[test]
        fn fault_33_longer_decimals_are_kept_or_rejected_but_never_changed(text in "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,24})?") {
            if let Ok(value) = parse_decimal(&text) {
                prop_assert_eq!(value.to_string(), text);
            }
        }

        #[test]
        fn a_decimal_is_written_as_it_is_displayed_and_read_back(value in decimals()) {
            let mut negative_zero = Decimal::from_i128_with_scale(0, value.scale());
            negative_zero.set_sign_negative(true);
            for value in [value, negative_zero] {
                let text = value.to_string();
                prop_assert_eq!(serde_json::to_string(&DecimalText(value)).unwrap(), format!("\"{text}\""));
                prop_assert_eq!(parse_decimal(&text).unwrap().to_string(), text);
            }
        }

        #[test]
        fn parsing_never_panics(text in ".{0,64}") {
            let _ = parse_decimal(&text);
        }
    }
}
