use fastrand::Rng;

/// Generates a random UUID (RFC 9562, version 4).
pub(crate) fn random_uuid(rng: &mut Rng) -> String {
    let random = rng.u128(..);
    let versioned = random & !(0xF << 76) | 0x4 << 76;
    let uuid = versioned & !(0b11 << 62) | 0b10 << 62;
    let hex = format!("{uuid:032x}");
    let mut text = String::with_capacity(36);
    for (position, digit) in hex.chars().enumerate() {
        if matches!(position, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}
