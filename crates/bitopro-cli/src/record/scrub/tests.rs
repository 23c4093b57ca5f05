use bitopro_client::model::{AccountBalance, Balance, Balances, Decimal, Timestamp, parse_decimal};
use proptest::prelude::{Strategy, prop_assert, prop_assert_eq, proptest};

use super::Scrubber;

fn event(balances: impl IntoIterator<Item = Balance>) -> AccountBalance {
    let data: Balances = balances.into_iter().collect();
    AccountBalance::new(Timestamp::from_millis(1), data)
}

fn balance(amount: &str, available: &str, stake: &str) -> Balance {
    let mut balance = Balance::new("BTC", parse_decimal(amount).unwrap());
    balance.available = parse_decimal(available).unwrap();
    balance.stake = Some(parse_decimal(stake).unwrap());
    balance
}

fn scrubbed(scrubber: &mut Scrubber, balance: Balance) -> Balance {
    let text = serde_json::to_string(&event([balance])).unwrap();
    let read = AccountBalance::from_json(&scrubber.scrub(&text).unwrap()).unwrap();
    read.data.into_iter().next().unwrap()
}

/// The text with every digit from the first to the last that is not zero replaced by a mark.
fn shape(text: &str) -> String {
    let counts = |c: char| matches!(c, '1'..='9');
    let (Some(begin), Some(end)) = (text.find(counts), text.rfind(counts)) else { return text.to_owned() };
    text.char_indices()
        .map(|(at, c)| if (begin..=end).contains(&at) && c.is_ascii_digit() { '#' } else { c })
        .collect()
}

#[test]
fn all_that_is_personal_is_replaced_and_nothing_else() {
    let text = r#" {"datetime":"2021-12-15T07:28:23.365Z" ,"event":"ACCOUNT_BALANCE","eventID":"88038887-1de1-4521-b411-93440156cb41",
        "account":{"owner":"Jane Doé\n","id":-1230045.600e5,"tags":["A1",{"rate":"0.0250","on":true,"none":null}]},
        "timestamp":1639553303365,"data":{"ADA":{"tradable":true,"stake":"0.00","available":"90.5",
        "currency":"ADA","amount":"1234.50","locked":"1144.00"},"BTC":{"currency":"BTC","amount":"0","available":"0","stake":"0",
        "tradable":false}}}"#;
    let expected = concat!(
        r#"{"datetime":"2021-12-15T07:28:23.365Z","event":"ACCOUNT_BALANCE","#,
        r#""eventID":"00000000-0000-4000-8000-000000000000","#,
        r#""account":{"owner":"Ssjv Rhx\n","id":-4713830.200e5,"#,
        r#""tags":["C0",{"rate":"0.0970","on":true,"none":null}]},"timestamp":1639553303365,"#,
        r#""data":{"ADA":{"tradable":true,"stake":"0.00","available":"21.6","currency":"ADA","#,
        r#""amount":"7051.40","locked":"3148.00"},"#,
        r#""BTC":{"currency":"BTC","amount":"0","available":"0","stake":"0","tradable":false}}}"#,
    );
    assert_eq!(Scrubber::new().scrub(text).unwrap(), expected);
}

#[test]
fn fault_54_what_an_optional_field_holds_instead_is_replaced_like_an_unknown_one() {
    for (id, time, stake, tradable) in [
        ("700", r#"["Jane"]"#, r#"{"of":"Jane"}"#, r#""Jane""#),
        (r#"["Jane"]"#, r#"{"of":"Jane"}"#, r#""Jane""#, r#"["Jane",{"of":700}]"#),
        (r#"{"of":700}"#, r#"[["Jane"]]"#, "700", "700"),
        ("null", "null", r#""""#, r#""""#),
    ] {
        let text = format!(
            r#"{{"event":"ACCOUNT_BALANCE","eventID":{id},"timestamp":1,"datetime":{time},"data":{{"ADA":{{"currency":"ADA","amount":"0","available":"0","stake":{stake},"tradable":{tradable}}}}}}}"#
        );
        let scrubbed = Scrubber::new().scrub(&text).unwrap();
        assert!(!scrubbed.contains("Jane") && !scrubbed.contains("700"), "{scrubbed}");
        for kept in [":", "[", "of", "null", r#""""#] {
            assert_eq!(scrubbed.matches(kept).count(), text.matches(kept).count(), "{kept}: {scrubbed}");
        }
    }
}

#[test]
fn what_was_equal_in_one_recording_stays_equal_and_what_changed_changes() {
    let mut scrubber = Scrubber::new();
    let mut of = |amount, available| scrubbed(&mut scrubber, balance(amount, available, "0"));
    let (before, same, after) =
        (of("123.4567", "100.25"), of("123.4567", "100.25"), of("123.4567", "100.75"));
    assert_eq!(before, same);
    assert_eq!(before.amount, after.amount);
    assert_ne!(before.available, after.available);

    let id =
        |id: &str| format!(r#"{{"event":"ACCOUNT_BALANCE","eventID":"{id}","timestamp":1,"data":{{}}}}"#);
    let ids: Vec<_> = ["a", "b", "a"]
        .map(|name| AccountBalance::from_json(&scrubber.scrub(&id(name)).unwrap()).unwrap().event_id.unwrap())
        .into();
    assert_eq!(ids[0], "00000000-0000-4000-8000-000000000000");
    assert_eq!(ids[1], "00000000-0000-4000-8000-000000000001");
    assert_eq!(ids[2], ids[0]);
}

#[test]
fn the_digits_that_are_replaced_do_not_matter() {
    let one = scrubbed(&mut Scrubber::new(), balance("123.4500", "1.25", "0.30"));
    let other = scrubbed(&mut Scrubber::new(), balance("987.6100", "7.03", "0.90"));
    assert_eq!(one, other);
}

#[test]
fn what_cannot_be_scrubbed_is_an_error() {
    for text in
        ["", "{}", r#"{"event":"USER_TRADE"}"#, r#"{"event":"ACCOUNT_BALANCE","timestamp":1,"data":[]}"#]
    {
        assert!(Scrubber::new().scrub(text).is_err(), "{text}");
    }
    let deep = format!(
        r#"{{"event":"ACCOUNT_BALANCE","timestamp":1,"data":{{}},"x":{}1{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert_eq!(
        Scrubber::new().scrub(&deep).unwrap_err().to_string(),
        "the message is nested deeper than 32 levels"
    );
}

fn decimal() -> impl Strategy<Value = Decimal> {
    "-?(0|[1-9][0-9]{0,13})(\\.[0-9]{1,14})?".prop_map(|text| parse_decimal(&text).unwrap())
}

/// Amounts of which two are often related.
fn amounts() -> impl Strategy<Value = (Decimal, Decimal, Decimal)> {
    (decimal(), decimal(), decimal(), 0..4).prop_map(|(amount, available, stake, related)| match related {
        0 => (amount, amount, stake),
        1 => (amount, amount.trunc(), amount.fract()),
        2 => (amount, -amount, amount.normalize()),
        _ => (amount, available, stake),
    })
}

proptest! {
    #[test]
    fn shapes_and_relations_stay((amount, available, stake) in amounts()) {
        let mut old = Balance::new("BTC", amount);
        (old.available, old.stake) = (available, Some(stake));
        let new = scrubbed(&mut Scrubber::new(), old.clone());
        let new_stake = new.stake.unwrap();
        for (old, new) in [(old.amount, new.amount), (old.available, new.available), (stake, new_stake)] {
            prop_assert_eq!(shape(&new.to_string()), shape(&old.to_string()));
        }
        prop_assert_eq!(new.available.cmp(&new.amount), available.cmp(&amount));
        prop_assert_eq!(new_stake.cmp(&new.amount), stake.cmp(&amount));
        let zero = Decimal::ZERO;
        if available >= zero && stake >= zero && available + stake <= amount {
            prop_assert!(new.available + new_stake <= new.amount);
        }
    }
}
