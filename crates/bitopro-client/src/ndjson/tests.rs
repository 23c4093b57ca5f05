use bitopro_model::{AccountBalance, Decimal, Message, PrivateStream, PublicStream, Timestamp};

use super::Heartbeat;
use crate::account::StreamState;
use crate::item::{AccountItem, Closed, Edge, Gap, GapReason, Item, MarketItem};
use crate::samples::{balances, with_id};
use crate::{Change, Error, ErrorKind};

fn event(amount: i64) -> AccountBalance {
    with_id(format!("event-{amount}"), balances(amount, &[("BTC", Decimal::new(amount, 2))]))
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

const DATA: &str =
    r#"{"BTC":{"currency":"BTC","amount":"1.10","available":"1.10","stake":"0","tradable":true}}"#;

#[test]
fn an_item_is_one_line_with_its_stream_and_envelope() {
    let mut item = AccountItem::from(Item::Update(event(110)));
    item.received = Some(Timestamp::from_millis(1_639_553_303_365));
    let line = json(&item);
    let expected = r#"{"v":1,"type":"update","stream":"account-balance","received":"2021-12-15T07:28:23.365Z","event_id":"event-110","timestamp":110,"data":"#;
    assert_eq!(line, format!("{expected}{DATA}}}"));
    let failed = Error::new(ErrorKind::Network, "the connection was lost")
        .with_source(Error::new(ErrorKind::Idle, "no frame arrived"));
    let closed = Item::<AccountBalance>::Closed(Closed::Failed(failed));
    let expected = r#"{"v":1,"type":"closed","stream":"account-balance","received":null,"event_id":null,"timestamp":null,"data":{"error":"the connection was lost: no frame arrived","kind":"network","retryable":true}}"#;
    assert_eq!(json(&AccountItem::from(closed)), expected);
    let closed = AccountItem::from(Item::<AccountBalance>::Closed(Closed::Requested));
    assert!(json(&closed).ends_with(r#""data":{"error":null,"kind":"requested","retryable":false}}"#));
}

#[test]
fn the_schema_lists_every_kind() {
    const SCHEMA: &str = include_str!("../../../../docs/ndjson.v1.schema.json");
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let listed = schema["$defs"]["error"]["properties"]["kind"]["enum"].as_array().unwrap();
    // The match is exhaustive, so a new kind does not compile without an arm.
    let next = |kind: &ErrorKind| match *kind {
        ErrorKind::Unauthorized => Some(ErrorKind::Forbidden),
        ErrorKind::Forbidden => Some(ErrorKind::WrongPath),
        ErrorKind::WrongPath => Some(ErrorKind::BadRequest),
        ErrorKind::BadRequest => Some(ErrorKind::ClockSkew { ahead_ms: None }),
        ErrorKind::ClockSkew { .. } => Some(ErrorKind::RateLimited { retry_after: None }),
        ErrorKind::RateLimited { .. } => Some(ErrorKind::Unavailable { retry_after: None }),
        ErrorKind::Unavailable { .. } => Some(ErrorKind::Redirected),
        ErrorKind::Redirected => Some(ErrorKind::Refused),
        ErrorKind::Refused => Some(ErrorKind::Network),
        ErrorKind::Network => Some(ErrorKind::Certificate),
        ErrorKind::Certificate => Some(ErrorKind::Setup),
        ErrorKind::Setup => Some(ErrorKind::InvalidUrl),
        ErrorKind::InvalidUrl => Some(ErrorKind::Protocol),
        ErrorKind::Protocol => Some(ErrorKind::ClosedByServer { code: None }),
        ErrorKind::ClosedByServer { .. } => Some(ErrorKind::Idle),
        ErrorKind::Idle => Some(ErrorKind::NoSnapshot),
        ErrorKind::NoSnapshot => Some(ErrorKind::Resync),
        ErrorKind::Resync => Some(ErrorKind::Stopped),
        ErrorKind::Stopped => None,
    };
    let kinds = std::iter::successors(Some(ErrorKind::Unauthorized), next);
    let names: Vec<&str> = kinds.map(ErrorKind::name).chain(["requested"]).collect();
    assert_eq!(listed, &names);
}

#[test]
fn a_gap_has_a_key_for_both_edges_and_null_for_unknown_values() {
    let at = |ms| Timestamp::from_millis(ms);
    let before = Some(Edge { event_id: None, timestamp: at(1) });
    let reason = GapReason::Reconnected { since: at(2), until: at(3) };
    let gap = Gap { before, after: None, reason, leaves_stale: false };
    let expected = r#"{"reason":"reconnected","since":2,"until":3,"missed":null,"unknown":null,"before":{"event_id":null,"timestamp":1},"last":null,"after":null}"#;
    assert_eq!(json(&gap), expected);
}

#[test]
fn a_line_of_the_market_contains_the_whole_event() {
    let text = r#"{"event":"TRADE","timestamp":7,"eventID":"e","pair":"BTC_TWD","data":[]}"#;
    let message = Message::from_json(text).unwrap();
    let line = json(&MarketItem::new(PublicStream::Trades, Item::Update(message.clone())));
    let expected =
        r#"{"v":1,"type":"update","stream":"trades","received":null,"event_id":"e","timestamp":7,"data":"#;
    assert_eq!(line, format!("{expected}{text}}}"));
    let missing = MarketItem::new(PublicStream::Tickers, Item::MissingPairs(vec!["BCT_TWD".into()]));
    assert!(json(&missing).ends_with(r#""data":{"pairs":["BCT_TWD"]}}"#), "{}", json(&missing));
    let state = StreamState::new(PublicStream::Trades, vec![message]);
    assert!(json(&state).ends_with(&format!(r#""data":[{text}]}}"#)), "a list of pairs");
    let [since, until] = [1, 2].map(|ms| Some(Timestamp::from_millis(ms)));
    let reason = GapReason::NoOverlap { pair: "BTC_TWD".into(), since, until };
    let gap = Gap { before: None, after: None, reason, leaves_stale: false };
    let expected = r#"{"reason":"no_overlap","pair":"BTC_TWD","since":1,"until":2,"missed":null,"unknown":null,"before":null,"last":null,"after":null}"#;
    assert_eq!(json(&gap), expected);
}

#[test]
fn a_state_is_one_line_with_the_data_of_its_messages() {
    let mut state = StreamState::new(PrivateStream::AccountBalance, vec![event(110).into()]);
    (state.age, state.is_stale) = (std::time::Duration::from_millis(7), false);
    let expected = r#"{"v":1,"type":"state","stream":"account-balance","received":"1970-01-01T00:00:00.117Z","as_of":110,"age_ms":7,"stale":false,"data":"#;
    state.read_at = Some(Timestamp::from_millis(117));
    assert_eq!(json(&state), format!("{expected}{DATA}}}"));
    let heartbeat = expected.replace("state", "heartbeat").replace(r#","data":"#, "}");
    assert_eq!(json(&Heartbeat(&state)), heartbeat);
    state.messages = Vec::<Message>::new();
    assert!(json(&state).ends_with(r#""data":[]}"#));
}

#[test]
fn a_change_names_its_kind() {
    let mut changes = crate::Changes::new(&crate::Settings::default());
    let connected = Item::Connected(Box::new(crate::item::Connected {
        url: "wss://memory.test/ws".parse().unwrap(),
        number: 1,
        dialed: crate::system::test_start(),
        closed_since_dial: Vec::new(),
    }));
    let mut seen = Vec::new();
    for item in [connected, Item::Snapshot(event(100)), Item::Update(event(110))] {
        seen.extend(changes.apply(&item.into()));
    }
    let [change @ Change::Balance(_)] = &seen[..] else { panic!("{seen:?}") };
    let before = DATA.replace("1.10", "1.00").replace(r#"{"BTC":"#, "").replace("}}", "}");
    let after = DATA.replace(r#"{"BTC":"#, "").replace("}}", "}");
    let expected = format!(
        r#"{{"change":"balance","currency":"BTC","before":{before},"after":{after},"across_gap":false}}"#
    );
    assert_eq!(json(change), expected);
}
