//! Compares values of ccxt with the simulator's records.

use anyhow::{Context, ensure};
use bitopro_model::Decimal;
use serde_json::{Value, json};

/// Compares records of a list by their ids and orders, since ccxt sorts them by time.
pub(super) fn same_records(mut expected: Vec<Value>, found: &Value) -> anyhow::Result<()> {
    let mut found = found.as_array().cloned().context("not a list")?;
    ensure!(expected.len() == found.len() && !found.is_empty(), "{} records", found.len());
    let key = |record: &Value| format!("{} {}", record["id"], record["order"]);
    expected.sort_by_key(key);
    found.sort_by_key(key);
    expected.iter().zip(&found).try_for_each(|(expected, found)| same_record(expected, found))
}

/// Compares `info` exactly and the other fields approximately.
pub(super) fn same_record(expected: &Value, found: &Value) -> anyhow::Result<()> {
    exactly(&expected["info"], &found["info"])?;
    same(expected, found)
}

pub(super) fn exactly(expected: &Value, found: &Value) -> anyhow::Result<()> {
    ensure!(expected == found, "expected {expected}, found {found}");
    Ok(())
}

/// Compares the expected fields, and floating-point numbers up to their precision.
pub(super) fn same(expected: &Value, found: &Value) -> anyhow::Result<()> {
    let is_same = match (expected, found) {
        (Value::Object(expected), Value::Object(_)) => {
            return expected.iter().try_for_each(|(name, value)| {
                same(value, &found[name]).with_context(|| format!("`{name}`"))
            });
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            return expected.iter().zip(found).try_for_each(|(expected, found)| same(expected, found));
        }
        (Value::Number(expected), Value::Number(found)) => {
            let [expected, found] = [expected, found].map(|number| number.as_f64().unwrap_or(f64::NAN));
            (expected - found).abs() <= expected.abs() * 1e-12
        }
        _ => expected == found,
    };
    ensure!(is_same, "expected {expected}, found {found}");
    Ok(())
}

pub(super) fn number(decimal: Decimal) -> Value {
    json!(decimal.to_string().parse::<f64>().unwrap_or(f64::NAN))
}

/// Turns numbers into strings, as ccxt does in `info`.
pub(super) fn quoted(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::String(number.to_string()),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (name, quoted(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other,
    }
}

pub(super) fn upper(text: &str) -> String {
    text.to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{exactly, quoted, same, same_record, same_records};

    #[test]
    fn only_floating_point_numbers_may_differ_slightly() {
        assert!(same(&json!({"a": 0.1}), &json!({"a": 0.100_000_000_000_000_02, "b": 1})).is_ok());
        for (expected, found) in [
            (json!({"a": 0.1}), json!({"a": 0.100_000_001})),
            (json!({"a": "0.1"}), json!({"a": "0.10"})),
            (json!({"a": 1}), json!({})),
            (json!([1]), json!([1, 2])),
            (json!(null), json!(0)),
        ] {
            assert!(same(&expected, &found).is_err(), "{expected} {found}");
        }
        assert!(exactly(&json!(0.1), &json!(0.100_000_000_001)).is_err());
    }

    #[test]
    fn records_are_compared_one_by_one_and_with_their_raw_fields() {
        let record = |id: &str, fee: &str| json!({"id": id, "order": "7", "info": {"fee": fee}});
        let expected = || vec![record("1", "0.1"), record("2", "0.2")];
        assert!(same_records(expected(), &json!([record("2", "0.2"), record("1", "0.1")])).is_ok());
        assert!(same_records(expected(), &json!([record("1", "0.1")])).is_err());
        assert!(same_records(expected(), &json!([record("1", "0.1"), record("2", "0.20")])).is_err());
        assert!(same_record(&record("1", "0.1"), &json!({"id": "1", "order": "7"})).is_err());
        assert_eq!(
            quoted(json!({"a": 1, "b": {"c": 2.5}, "d": true})),
            json!({"a": "1", "b": {"c": "2.5"}, "d": true})
        );
    }
}
