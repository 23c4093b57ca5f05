//! Reads digits and strings eight bytes at a time.

const ONES: u64 = u64::from_le_bytes([1; 8]);
/// The highest bit of each byte.
const HIGHS: u64 = ONES << 7;

/// The powers of ten that fit into 64 bits.
#[allow(clippy::indexing_slicing, reason = "evaluated at compile time")]
const POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

/// Returns a power of ten, or 0 if it does not fit into 64 bits.
#[inline(always)]
pub(crate) fn power_of_ten(exponent: usize) -> u64 {
    POWERS.get(exponent).copied().unwrap_or_default()
}

/// The digits at the start of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Digits<'a> {
    /// Their number as an integer, unless there are more than 19.
    pub(crate) value: u64,
    /// Number of digits.
    pub(crate) count: usize,
    /// The rest of the text.
    pub(crate) rest: &'a [u8],
}

/// Reads the digits at the start of a text.
#[inline(always)]
pub(crate) fn digits(text: &[u8]) -> Digits<'_> {
    let mut read = Digits { value: 0, count: 0, rest: text };
    while let Some(word) = read.rest.first_chunk() {
        let (value, count) = up_to_eight_digits(u64::from_le_bytes(*word));
        read.value = read.value.wrapping_mul(power_of_ten(count)).wrapping_add(value);
        read.count += count;
        read.rest = read.rest.get(count..).unwrap_or_default();
        if count < 8 {
            return read;
        }
    }
    // The last bytes of a text are rarely digits.
    while let [byte @ b'0'..=b'9', rest @ ..] = read.rest {
        read.value = read.value.wrapping_mul(10).wrapping_add((byte - b'0').into());
        (read.count, read.rest) = (read.count + 1, rest);
    }
    read
}

/// Returns the value of the digits at the start of eight bytes, and their number.
#[inline(always)]
const fn up_to_eight_digits(bytes: u64) -> (u64, usize) {
    // A digit becomes its value. Only other bytes reach the highest bit by adding 0x76.
    let values = bytes ^ (ONES * b'0' as u64);
    let others = (values.wrapping_add(ONES * 0x76) | values) & HIGHS;
    let count = others.trailing_zeros() as usize / 8;
    if count == 0 {
        return (0, 0);
    }
    // Zeros take the place of the missing digits in front. Then neighbours are joined: digits, pairs, groups of four.
    let digits = values << (64 - 8 * count);
    let pairs = (digits.wrapping_mul(10) + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    let value = (fours.wrapping_mul(10_000) + (fours >> 32)) & 0xffff_ffff;
    (value, count)
}

/// Returns the length of the plain part at the start of a text: without quotes, backslashes and control characters.
/// Returns `None` if it has no end.
#[inline(always)]
pub(crate) fn plain_length(text: &[u8]) -> Option<usize> {
    let mut rest = text;
    while let Some((word, next)) = rest.split_first_chunk() {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return Some(text.len() - rest.len() + special.trailing_zeros() as usize / 8);
        }
        rest = next;
    }
    let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..b' '))?;
    Some(text.len() - rest.len() + length)
}

/// Returns a number whose lowest bit that is set is in the first of eight bytes that is a quote, a backslash or a
/// control character, or zero if there is none.
#[inline(always)]
const fn special_bytes(bytes: u64) -> u64 {
    /// Sets the highest bit of the first byte that is less than `limit`, and perhaps that of later ones.
    const fn less_than(bytes: u64, limit: u8) -> u64 {
        bytes.wrapping_sub(ONES * limit as u64) & !bytes & HIGHS
    }
    let [quote, backslash] = [ONES * b'"' as u64, ONES * b'\\' as u64];
    less_than(bytes ^ quote, 1) | less_than(bytes ^ backslash, 1) | less_than(bytes, b' ')
}

#[cfg(test)]
mod tests {
    use super::{Digits, digits, plain_length};
    use proptest::prelude::*;

    /// Texts of digits and other bytes, with a length around multiples of eight.
    fn texts() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            8 => b'0'..=b'9',
            1 => prop::sample::select(&b"\"\\./:\x1f \x7f"[..]),
            1 => any::<u8>(),
        ];
        prop::collection::vec(byte, 0..28)
    }

    proptest! {
        #[test]
        fn digits_are_read_as_one_by_one(text in texts()) {
            let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let read = digits(&text);
            prop_assert_eq!((read.count, read.rest), (count, &text[count..]));
            if count <= 19 {
                let number = str::from_utf8(&text[..count]).unwrap();
                prop_assert_eq!(read.value, if count == 0 { 0 } else { number.parse().unwrap() });
            }
        }

        #[test]
        fn the_plain_part_ends_at_the_first_special_byte(text in texts()) {
            let end = text.iter().position(|byte| *byte == b'"' || *byte == b'\\' || *byte < b' ');
            prop_assert_eq!(plain_length(&text), end);
        }
    }

    #[test]
    fn the_largest_numbers_are_read() {
        let read = digits(b"9999999999999999999.");
        assert_eq!(read, Digits { value: 9_999_999_999_999_999_999, count: 19, rest: b"." });
    }
}
