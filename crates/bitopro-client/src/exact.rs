use bitopro_model::Decimal;

/// The difference, if it can be held exactly: one that does not fit is rounded by the library, and has then lost
/// some of its scale.
pub(crate) fn difference(from: Decimal, less: Decimal) -> Option<Decimal> {
    let difference = from.checked_sub(less)?;
    let is_exact =
        difference.checked_add(less)? == from && difference.scale() == from.scale().max(less.scale());
    is_exact.then_some(difference)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_exact_or_not_told() {
        for (from, less, expected) in [
            ("3", "1.50", Some("1.50")),
            ("1", "1.0", Some("0.0")),
            ("999999999999.99999999", "0.00000001", Some("999999999999.99999998")),
            ("9999999999999999999999999999", "0.1", None),
            ("79228162514264337593543950335", "-1", None),
        ] {
            let decimal = |text| bitopro_model::parse_decimal(text).unwrap();
            let told = difference(decimal(from), decimal(less)).map(|told| told.to_string());
            assert_eq!(told.as_deref(), expected, "{from} - {less}");
        }
    }
}
