use bitopro_auth::{
    API_KEY_HEADER, Credentials, PAYLOAD_HEADER, Payload, SIGNATURE_HEADER, SignedHeaders, Signer,
};
use bitopro_model::{Stream, Timestamp};
use bitopro_transport::Refusal;
use http::{HeaderMap, HeaderName, StatusCode};

use super::{Authentication, Rejection, UpgradeRequest};
use crate::gateway::refusal;
use crate::{AccountId, NONCE_WINDOW, Nonces, SimCredentials};

const NOW: Timestamp = Timestamp::from_millis(1_639_553_303_365);
const NOW_MS: u64 = 1_639_553_303_365;
const PATH: &str = "/ws/v1/pub/auth/account-balance";

fn authentication() -> Authentication {
    Authentication::new([credentials()], Nonces::default())
}

fn credentials() -> Credentials {
    SimCredentials::demo().to_credentials().unwrap()
}

fn header_map(signed: &SignedHeaders) -> HeaderMap {
    let header = |(name, value): (&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    signed.iter().map(header).collect()
}

fn signed_body(body: &str) -> HeaderMap {
    header_map(&credentials().sign(Payload::of_body(body.as_bytes())))
}

fn signed_at(nonce: u64) -> HeaderMap {
    header_map(&Signer::new(credentials()).sign_identity(nonce))
}

fn authorize(authentication: &mut Authentication, headers: &HeaderMap) -> Result<Stream, Refusal> {
    let request = UpgradeRequest { path: PATH, query: None, headers, flaw: None };
    authentication
        .authorize(&request, &[], NOW)
        .map(|granted| granted.stream)
        .map_err(|rejection| rejection.refusal)
}

fn status(result: &Result<Stream, Refusal>) -> u16 {
    result.as_ref().map_or_else(|refusal| refusal.status, |_| StatusCode::SWITCHING_PROTOCOLS).as_u16()
}

#[test]
fn invalid_headers_are_refused_with_the_statuses_of_the_real_exchange() {
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
        header_map(&Signer::new(Credentials::new(key, secret, email).unwrap()).sign_identity(NOW_MS))
    };
    let SimCredentials { email, api_key, api_secret } = SimCredentials::demo();
    for (case, headers, expected) in [
        ("valid headers", signed_at(NOW_MS), 101),
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
        let result = authorize(&mut authentication(), &headers);
        assert_eq!(status(&result), expected, "{case}");
    }
}

fn signed_payload(nonce: u64) -> String {
    Signer::new(credentials()).sign_identity(nonce).payload().to_owned()
}

#[test]
fn payloads_in_the_format_of_other_clients_are_accepted() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE;
    // The two base64 alphabets encode this address differently.
    let identity = "~~~???>>>@example.com";
    let credentials = Credentials::new("key", "secret", identity).unwrap();
    for (nonce, body) in [
        (NOW_MS, format!(r#"{{"identity": "{identity}", "nonce": {NOW_MS}}}"#)),
        (NOW_MS + 1, format!(r#"{{"nonce":{},"identity":"{identity}"}}"#, NOW_MS + 1)),
    ] {
        let payload = URL_SAFE.encode(body);
        assert!(payload.contains(['-', '_']), "{payload}");
        let headers = header_map(&credentials.sign(Payload::received(payload)));
        let mut authentication = Authentication::new([credentials.clone()], Nonces::default());
        assert_eq!(status(&authorize(&mut authentication, &headers)), 101, "{nonce}");
    }
}

#[test]
fn the_path_is_checked_first_then_the_handshake_then_the_account() {
    let flaw = Rejection::new(refusal::bad_request(), "not a WebSocket upgrade");
    for (path, is_upgrade, headers, expected) in [
        ("/ws/v1/pub/auth/nothing", false, HeaderMap::new(), 200),
        ("/ws/v1/pub/auth/nothing", true, signed_at(NOW_MS), 200),
        ("/ws/v1/pub/auth/account-balance/", true, signed_at(NOW_MS), 200),
        ("/ws/", true, signed_at(NOW_MS), 200),
        ("/ws", true, signed_at(NOW_MS), 404),
        ("/wss/v1/pub/auth/account-balance", true, signed_at(NOW_MS), 404),
        ("/v1/pub/auth/account-balance", true, signed_at(NOW_MS), 404),
        ("/", false, signed_at(NOW_MS), 404),
        (PATH, false, HeaderMap::new(), 400),
        (PATH, false, signed_at(NOW_MS), 400),
        (PATH, true, HeaderMap::new(), 401),
        (PATH, true, signed_at(NOW_MS), 101),
    ] {
        let request = UpgradeRequest {
            path,
            query: None,
            headers: &headers,
            flaw: Some(&flaw).filter(|_| !is_upgrade),
        };
        let result = authentication().authorize(&request, &[], NOW);
        let result = result.map(|granted| granted.stream).map_err(|rejection| rejection.refusal);
        assert_eq!(status(&result), expected, "{path} {is_upgrade}");
        if let Err(refusal) = result {
            assert_eq!(refusal.body.is_empty(), expected == 200, "{refusal:?}");
            assert_eq!(refusal.headers["date"], "Wed, 15 Dec 2021 07:28:23 GMT");
        }
    }
}

#[test]
fn the_rule_for_nonces_determines_which_ones_are_accepted() {
    let authenticate_all = |nonces| {
        let mut authentication = Authentication::new([credentials()], nonces);
        let attempts = [NOW_MS, NOW_MS, NOW_MS - 1, NOW_MS + 2, NOW_MS + 1, NOW_MS + 3, NOW_MS];
        attempts.map(|nonce| status(&authorize(&mut authentication, &signed_at(nonce))))
    };
    assert_eq!(authenticate_all(Nonces::Any), [101; 7]);
    assert_eq!(authenticate_all(Nonces::Unused), [101, 401, 101, 101, 101, 101, 401]);
    assert_eq!(authenticate_all(Nonces::Increasing), [101, 401, 401, 101, 401, 101, 401]);
}

#[test]
fn a_refused_nonce_can_be_used_later() {
    let mut authentication = Authentication::new([credentials()], Nonces::Increasing);
    let mut forged = signed_at(NOW_MS + 10);
    forged.insert(SIGNATURE_HEADER.parse::<HeaderName>().unwrap(), "00".parse().unwrap());
    assert_eq!(status(&authorize(&mut authentication, &forged)), 401);
    let distant = signed_at(NOW_MS + 3_600_000);
    assert_eq!(status(&authorize(&mut authentication, &distant)), 409);
    assert_eq!(status(&authorize(&mut authentication, &signed_at(NOW_MS))), 101);
}

#[test]
fn a_nonce_far_from_the_clock_is_a_conflict_with_the_exchange_time() {
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
        let result = authorize(&mut authentication(), &signed_at(nonce));
        assert_eq!(status(&result), expected, "{nonce}");
        if let Err(refusal) = result {
            assert_eq!(refusal.headers["date"], "Wed, 15 Dec 2021 07:28:23 GMT");
        }
    }
    // The clock takes precedence over the order of nonces.
    let mut authentication = Authentication::new([credentials()], Nonces::Increasing);
    assert_eq!(status(&authorize(&mut authentication, &signed_at(NOW_MS))), 101);
    assert_eq!(status(&authorize(&mut authentication, &signed_at(NOW_MS - window - 1))), 409);
}

#[test]
fn the_key_selects_the_account_and_each_key_has_its_own_nonces() {
    let alice = Credentials::new("alice-key", "alice-secret", "alice@example.com").unwrap();
    let mut authentication = Authentication::new([credentials(), alice.clone()], Nonces::Increasing);
    let mut authorize = |credentials: &Credentials, nonce| {
        let headers = header_map(&Signer::new(credentials.clone()).sign_identity(nonce));
        let request = UpgradeRequest { path: PATH, query: None, headers: &headers, flaw: None };
        authentication.authorize(&request, &[], NOW).ok().and_then(|granted| granted.account())
    };
    let other = AccountId::from_index(1);
    assert_eq!(authorize(&alice, NOW_MS + 5), Some(other));
    assert_eq!(authorize(&credentials(), NOW_MS), Some(AccountId::DEFAULT));
    assert_eq!(authorize(&alice, NOW_MS + 4), None);
    // A key with the secret or the email of another account is refused.
    let SimCredentials { api_secret, email, .. } = SimCredentials::demo();
    let mixed = [("alice-secret", email.as_str()), (api_secret.as_str(), "alice@example.com")];
    for (secret, email) in mixed {
        assert_eq!(authorize(&Credentials::new("alice-key", secret, email).unwrap(), NOW_MS + 9), None);
    }
    assert_eq!(authorize(&alice, NOW_MS + 9), Some(other));
}
