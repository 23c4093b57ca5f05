use bitopro_auth::{
    API_KEY_HEADER, Credentials, PAYLOAD_HEADER, Payload, SIGNATURE_HEADER, SignedHeaders, Signer,
};
use bitopro_model::{AccountBalance, Balance, Decimal, Message};
use http::{HeaderMap, HeaderName, StatusCode};

use super::*;
use crate::{NONCE_WINDOW, SimCredentials, Simulator, SimulatorBuilder};

const NOW: Timestamp = Timestamp::from_millis(1_639_553_303_365);
const NOW_MS: u64 = 1_639_553_303_365;
const PATH: &str = "/ws/v1/pub/auth/account-balance";

fn exchange() -> Exchange {
    built(Simulator::builder())
}

fn built(builder: SimulatorBuilder) -> Exchange {
    builder.build_exchange().unwrap()
}

fn credentials() -> Credentials {
    SimCredentials::demo().to_credentials().unwrap()
}

fn map(signed: &SignedHeaders) -> HeaderMap {
    let header = |(name, value): (&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    signed.iter().map(header).collect()
}

fn signed_body(body: &str) -> HeaderMap {
    map(&credentials().sign(Payload::of_body(body.as_bytes())))
}

fn signed_at(nonce: u64) -> HeaderMap {
    map(&Signer::new(credentials()).sign_identity(nonce))
}

fn ask(exchange: &mut Exchange, headers: &HeaderMap) -> Result<PrivateStream, Refusal> {
    exchange.authorize(&UpgradeRequest { path: PATH, headers, is_upgrade: true }, NOW)
}

fn status(answer: &Result<PrivateStream, Refusal>) -> u16 {
    answer.as_ref().map_or_else(|refusal| refusal.status, |_| StatusCode::SWITCHING_PROTOCOLS).as_u16()
}

/// The event that a connection to the balances begins with.
fn first(exchange: &mut Exchange) -> AccountBalance {
    exchange.snapshot(PrivateStream::AccountBalance, NOW).unwrap().as_balances().unwrap().clone()
}

fn updated(exchange: &mut Exchange, change: impl FnOnce(&mut Books)) -> Option<AccountBalance> {
    exchange.update_balances(NOW, change).iter().find_map(Push::as_balances).cloned()
}

#[test]
fn headers_are_checked_as_the_real_exchange_does() {
    let without = |name: &str| {
        let mut headers = signed_at(NOW_MS);
        headers.remove(name).unwrap();
        headers
    };
    let with = |name: &'static str, value: &str| {
        let mut headers = signed_at(NOW_MS);
        headers.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        headers
    };
    let by = |email: &str, key: &str, secret: &str| {
        map(&Signer::new(Credentials::new(key, secret, email).unwrap()).sign_identity(NOW_MS))
    };
    let SimCredentials { email, api_key, api_secret } = SimCredentials::demo();
    for (case, headers, expected) in [
        ("as it should be", signed_at(NOW_MS), 101),
        ("no headers", HeaderMap::new(), 401),
        ("no key", without(API_KEY_HEADER), 401),
        ("no payload", without(PAYLOAD_HEADER), 401),
        ("no signature", without(SIGNATURE_HEADER), 401),
        ("another key", by(&email, "other", &api_secret), 401),
        ("another secret", by(&email, &api_key, "other"), 401),
        ("another email", by("other@example.com", &api_key, &api_secret), 401),
        ("the payload of another moment", with(PAYLOAD_HEADER, signed_payload(NOW_MS + 1).as_str()), 401),
        ("a signature that is not hex", with(SIGNATURE_HEADER, "zz"), 401),
        ("a body without a nonce", signed_body(r#"{"identity":"demo@example.com"}"#), 400),
        ("a body that is not JSON", signed_body("hello"), 400),
    ] {
        let answer = ask(&mut exchange(), &headers);
        assert_eq!(status(&answer), expected, "{case}");
    }
}

fn signed_payload(nonce: u64) -> String {
    Signer::new(credentials()).sign_identity(nonce).payload().to_owned()
}

#[test]
fn payloads_as_other_clients_write_them_are_let_in() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE;
    // Both alphabets differ in this one.
    let identity = "~~~???>>>@example.com";
    let credentials = Credentials::new("key", "secret", identity).unwrap();
    let account = SimCredentials::new("key", "secret", identity);
    for (nonce, body) in [
        (NOW_MS, format!(r#"{{"identity": "{identity}", "nonce": {NOW_MS}}}"#)),
        (NOW_MS + 1, format!(r#"{{"nonce":{},"identity":"{identity}"}}"#, NOW_MS + 1)),
    ] {
        let payload = URL_SAFE.encode(body);
        assert!(payload.contains(['-', '_']), "{payload}");
        let headers = map(&credentials.sign(Payload::received(payload)));
        let mut exchange = built(Simulator::builder().with_credentials(account.clone()));
        assert_eq!(status(&ask(&mut exchange, &headers)), 101, "{nonce}");
    }
}

#[test]
fn the_path_is_looked_at_before_anything_else_and_the_kind_of_request_before_who_asks() {
    for (path, is_upgrade, headers, expected) in [
        ("/ws/v1/pub/auth/nothing", false, HeaderMap::new(), 200),
        ("/ws/v1/pub/auth/nothing", true, signed_at(NOW_MS), 200),
        ("/v1/pub/auth/account-balance", true, signed_at(NOW_MS), 200),
        ("/ws/v1/pub/auth/account-balance/", true, signed_at(NOW_MS), 200),
        ("/", true, signed_at(NOW_MS), 200),
        (PATH, false, HeaderMap::new(), 400),
        (PATH, false, signed_at(NOW_MS), 400),
        (PATH, true, HeaderMap::new(), 401),
        (PATH, true, signed_at(NOW_MS), 101),
    ] {
        let request = UpgradeRequest { path, headers: &headers, is_upgrade };
        let answer = exchange().authorize(&request, NOW);
        assert_eq!(status(&answer), expected, "{path} {is_upgrade}");
        if let Err(refusal) = answer {
            assert_eq!(refusal.body.is_empty(), expected == 200, "{refusal:?}");
            assert_eq!(refusal.headers["date"], "Wed, 15 Dec 2021 07:28:23 GMT");
        }
    }
}

#[test]
fn a_nonce_must_be_above_the_last_that_was_let_in() {
    let mut exchange = exchange();
    for (nonce, expected) in [
        (NOW_MS, 101),
        (NOW_MS, 401),
        (NOW_MS - 1, 401),
        (NOW_MS + 2, 101),
        (NOW_MS + 1, 401),
        (NOW_MS + 3, 101),
    ] {
        assert_eq!(status(&ask(&mut exchange, &signed_at(nonce))), expected, "{nonce}");
    }
}

#[test]
fn a_nonce_that_was_refused_is_not_used_up() {
    let mut exchange = exchange();
    let mut forged = signed_at(NOW_MS + 10);
    forged.insert(SIGNATURE_HEADER.parse::<HeaderName>().unwrap(), "00".parse().unwrap());
    assert_eq!(status(&ask(&mut exchange, &forged)), 401);
    let far = signed_at(NOW_MS + 3_600_000);
    assert_eq!(status(&ask(&mut exchange, &far)), 409);
    assert_eq!(status(&ask(&mut exchange, &signed_at(NOW_MS))), 101);
}

#[test]
fn a_nonce_far_from_the_clock_is_a_conflict_that_tells_the_time() {
    let window = u64::try_from(NONCE_WINDOW.as_millis()).unwrap();
    for (nonce, expected) in [
        (NOW_MS - window, 101),
        (NOW_MS + window, 101),
        (NOW_MS - window - 1, 409),
        (NOW_MS + window + 1, 409),
        (0, 409),
        (1, 409),
        (253_402_300_799_999, 409),
    ] {
        let answer = ask(&mut exchange(), &signed_at(nonce));
        assert_eq!(status(&answer), expected, "{nonce}");
        if let Err(refusal) = answer {
            assert_eq!(refusal.headers["date"], "Wed, 15 Dec 2021 07:28:23 GMT");
        }
    }
    // Even where an older nonce would be refused for being old.
    let mut exchange = exchange();
    assert_eq!(status(&ask(&mut exchange, &signed_at(NOW_MS))), 101);
    assert_eq!(status(&ask(&mut exchange, &signed_at(NOW_MS - window - 1))), 409);
}

#[test]
fn a_snapshot_has_everything_and_an_update_what_changed() {
    let mut exchange = exchange();
    let snapshot = first(&mut exchange);
    assert_eq!(snapshot.data.len(), 12);
    assert!(snapshot.data.iter().is_sorted_by_key(|balance| balance.currency.as_str()));
    assert_eq!(snapshot.data.get("ADA").unwrap().amount.to_string(), "999999999999.99999999");

    let update = updated(&mut exchange, |books| {
        books.insert("BTC".into(), Balance::new("BTC", Decimal::new(110, 2)));
        books.insert("NEW".into(), Balance::new("NEW", Decimal::ONE));
        let same = books[&"ADA".into()].clone();
        books.insert("ADA".into(), same);
    });
    let update = update.unwrap();
    let told: Vec<_> = update.data.iter().map(|b| (b.currency.as_str(), b.amount.to_string())).collect();
    assert_eq!(told, [("BTC", "1.10".to_owned()), ("NEW", "1".to_owned())]);
    assert_ne!(update.event_id, snapshot.event_id);
    assert_eq!(first(&mut exchange).data.len(), 13);
}

#[test]
fn nothing_changed_is_no_event() {
    let mut exchange = exchange();
    assert_eq!(updated(&mut exchange, |_| {}), None);
    // There is no balance to send for what is gone.
    assert_eq!(updated(&mut exchange, |books| drop(books.remove(&"BTC".into()))), None);
    assert_eq!(first(&mut exchange).data.get("BTC"), None);
}

#[test]
fn a_balance_counts_as_its_own_currency_whatever_its_key() {
    let mut exchange = exchange();
    let update = updated(&mut exchange, |books| {
        books.insert("BTC".into(), Balance::new("WBTC", Decimal::ONE));
    });
    assert_eq!(update.unwrap().data.get("WBTC").unwrap().amount, Decimal::ONE);
    assert!(!exchange.balances().contains_key(&"BTC".into()));
}

#[test]
fn each_switch_changes_what_it_says_and_nothing_else() {
    let update = |builder: SimulatorBuilder| {
        let pushes = built(builder.with_seed(3)).tick(NOW);
        pushes.iter().find_map(Push::as_balances).unwrap().clone()
    };
    let plain = update(Simulator::builder());
    assert_eq!(plain.data.len(), 2);
    assert_eq!(plain.datetime.as_deref(), Some("2021-12-15T07:28:23.365Z"));
    assert!(plain.event_id.is_some());

    let mut all = update(Simulator::builder().with_balance_updates(BalanceUpdates::All));
    assert_eq!(all.data.len(), 12);
    all.data = all.data.into_iter().filter(|b| plain.data.get(b.currency.as_str()).is_some()).collect();
    assert_eq!(all, plain);

    let mut ahead = update(Simulator::builder().with_datetimes(Datetimes::TaiwanMarkedUtc));
    assert_eq!(ahead.datetime.as_deref(), Some("2021-12-15T15:28:23.365Z"));
    ahead.datetime.clone_from(&plain.datetime);
    assert_eq!(ahead, plain);

    let mut nameless = update(Simulator::builder().with_event_ids(false));
    assert_eq!(nameless.event_id, None);
    nameless.event_id.clone_from(&plain.event_id);
    assert_eq!(nameless, plain);
}

#[test]
fn event_ids_are_random_uuids() {
    let mut exchange = exchange();
    let ids: std::collections::BTreeSet<String> =
        (0..100).map(|_| first(&mut exchange).event_id.unwrap()).collect();
    assert_eq!(ids.len(), 100);
    // Each stream has ids of its own.
    let others = [PrivateStream::ActiveOrders, PrivateStream::HistoryOrders];
    let others: Vec<Push> = others.iter().filter_map(|stream| exchange.snapshot(*stream, NOW)).collect();
    assert_ne!(others[0].event_id(), others[1].event_id());
    assert!(others.iter().all(|push| !ids.contains(push.event_id().unwrap())));
    for id in ids {
        let parts: Vec<&str> = id.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{id}");
        assert!(parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']), "{id}");
        assert!(id.chars().all(|c| c == '-' || c.is_ascii_digit() || ('a'..='f').contains(&c)), "{id}");
    }
}

/// A day of 200 s: the texts of all streams.
fn day(seed: u64) -> Vec<String> {
    let mut exchange = built(Simulator::builder().with_seed(seed));
    let first = PrivateStream::ALL.iter().filter_map(|stream| exchange.snapshot(*stream, NOW));
    let mut pushes: Vec<Push> = first.collect();
    for second in 1..200 {
        pushes.extend(exchange.tick(Timestamp::from_millis(NOW.as_millis() + second * 1000)));
    }
    pushes.into_iter().map(|push| push.text).collect()
}

#[test]
fn the_same_seed_and_times_give_the_same_bytes() {
    assert_eq!(day(7), day(7));
    assert_ne!(day(7)[3..], day(8)[3..]);
}

#[test]
fn who_connects_does_not_change_the_day() {
    let balances = |connect: bool| {
        let mut exchange = built(Simulator::builder().with_seed(7));
        for _ in 0..50 {
            if connect {
                first(&mut exchange);
            }
            exchange.tick(NOW);
        }
        (exchange.balances().clone(), exchange.open_orders().cloned().collect::<Vec<_>>())
    };
    assert_eq!(balances(true), balances(false));
}

#[test]
fn every_frame_is_read_back_as_it_was() {
    for frame in day(7) {
        let message = Message::from_json(&frame).unwrap();
        assert!(!matches!(message, Message::Unknown(_)), "{frame}");
        assert_eq!(serde_json::to_string(&message).unwrap(), frame);
    }
}
