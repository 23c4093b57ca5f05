//! Responses that are not a reply, and replies that are unreadable.

use std::error::Error as _;
use std::time::Duration;

use bitopro_rest::{Call, Error, ErrorKind, GetOpenOrders, GetOrder, GetTicker};
use bytes::Bytes;
use http::Response;

use crate::fixtures::error_body;
use crate::response;

fn refused(status: u16, body: &str) -> Error {
    let error = GetOpenOrders::new().read_reply(&response(status, body)).unwrap_err();
    assert_eq!(error.status().map(|status| status.as_u16()), Some(status));
    error
}

#[test]
fn words_refine_a_rejection() {
    for (case, kind) in [
        ("unknown-pair", ErrorKind::UnknownPair),
        ("below-minimum", ErrorKind::BelowMinimum),
        ("too-many-decimals", ErrorKind::TooManyDecimals),
        ("not-enough-balance", ErrorKind::NotEnoughBalance),
        ("invalid-signature", ErrorKind::Unauthorized),
        ("forbidden", ErrorKind::Forbidden),
        ("invalid-limit", ErrorKind::Rejected),
    ] {
        for status in [400, 422] {
            let error = refused(status, &error_body(case));
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error_body(case).contains(error.words()), "{error}");
        }
        // Any other status decides on its own.
        assert_eq!(refused(403, &error_body(case)).kind(), ErrorKind::Forbidden);
        assert_eq!(refused(500, &error_body(case)).kind(), ErrorKind::Unavailable);
    }
    let error = refused(404, &error_body("not-found"));
    assert_eq!((error.kind(), error.words()), (ErrorKind::NotFound, "404 NOT FOUND"));
}

#[test]
fn the_status_decides_the_kind() {
    let json = r#"{"error":"x"}"#;
    for (status, kind) in [
        (302, ErrorKind::Gateway),
        (400, ErrorKind::Rejected),
        (401, ErrorKind::Unauthorized),
        (403, ErrorKind::Forbidden),
        (404, ErrorKind::NotFound),
        (408, ErrorKind::Unavailable),
        (409, ErrorKind::NonceConflict),
        (418, ErrorKind::Rejected),
        (422, ErrorKind::Rejected),
        (429, ErrorKind::RateLimited),
        (500, ErrorKind::Unavailable),
        (502, ErrorKind::Unavailable),
        (520, ErrorKind::Unavailable),
        (999, ErrorKind::Gateway),
    ] {
        assert_eq!(refused(status, json).kind(), kind, "{status}");
        assert_eq!(refused(status, " ").kind(), kind, "{status} without a body");
        let page = refused(status, "<html>\n<h1>Blocked</h1></html>");
        let expected = match status {
            408 | 409 | 429 | 500.. => kind,
            _ => ErrorKind::Gateway,
        };
        assert_eq!(page.kind(), expected, "{status} with a page");
        assert_eq!(page.words(), "<html>\\n<h1>Blocked</h1></html>");
    }
}

#[test]
fn a_success_that_is_not_json_comes_from_a_gateway() {
    for body in ["", " \n", "<html></html>", "OK"] {
        assert_eq!(refused(200, body).kind(), ErrorKind::Gateway, "{body}");
    }
    let invalid_utf8 = Response::new(Bytes::from_static(b"{\"data\":\"\xff\"}"));
    let error = GetOpenOrders::new().read_reply(&invalid_utf8).unwrap_err();
    assert_eq!((error.kind(), error.words()), (ErrorKind::Unreadable, "not UTF-8 after byte 9"));
}

#[test]
fn an_unreadable_reply_names_the_field() {
    let error = refused(200, r#"{"data":[{"id":"1","pair":"sol_twd","price":"1e5"}]}"#);
    assert_eq!(error.kind(), ErrorKind::Unreadable);
    assert!(error.kind().is_outcome_unknown());
    assert_eq!(
        error.to_string(),
        "GET /orders/open: unreadable reply (HTTP 200); report it; if the call was not a `GET`, it probably took effect"
    );
    let source = error.source().unwrap().to_string();
    assert!(source.starts_with("data[0].price: `1e5`: expected digits"), "{source}");
    for body in
        ["{}", r#"{"data":5}"#, r#"{"data":{"a":1}}"#, r#"{"data":[],"data":[]}"#, "[]", "{\"data\":[]} x"]
    {
        assert_eq!(refused(200, body).kind(), ErrorKind::Unreadable, "{body}");
    }
}

#[test]
fn an_order_without_an_id_is_not_found() {
    for body in ["{}", "null", r#"{"id":""}"#, r#"{"id":null,"pair":"sol_twd"}"#] {
        let error = GetOrder::new("sol_twd", "1").read_reply(&response(200, body)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{body}");
    }
    for body in [r#"{"id":"1"}"#, r#"{"data":{"id":"1"}}"#, r#"{"error":"busy"}"#] {
        let error = GetOrder::new("sol_twd", "1").read_reply(&response(200, body)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreadable, "{body}");
    }
    let ticker = r#"{"pair":"sol_twd","lastPrice":"4512.3"}"#;
    let two = format!(r#"{{"data":[{ticker},{ticker}]}}"#);
    let error = GetTicker::new("sol_twd").read_reply(&response(200, &two)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreadable, "it is unclear which of them is the pair's");
    for body in [r#"{"data":[]}"#, r#"{"data":null}"#] {
        let error = GetTicker::new("sol_twd").read_reply(&response(200, body)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{body}");
    }
}

#[test]
fn words_are_bounded_and_printable() {
    let words = format!("\u{1b}[2J\u{202e}{}", "台".repeat(10_000));
    for body in [words.clone(), serde_json::to_string(&serde_json::json!({ "error": words })).unwrap()] {
        for error in [refused(422, &body), refused(200, &body)] {
            for shown in [error.to_string(), error.words().to_owned()] {
                assert!(shown.len() < 1_000 && !shown.contains(char::is_control), "{shown:?}");
                assert!(!shown.contains('\u{202e}'), "{shown:?}");
            }
        }
    }
}

#[test]
fn retry_after_is_read_in_seconds() {
    let retry_after = |value: &str| {
        let response =
            Response::builder().status(429).header("Retry-After", value).body(Bytes::new()).unwrap();
        GetOpenOrders::new().read_reply(&response).unwrap_err().retry_after()
    };
    assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
    assert_eq!(retry_after("Sun, 22 Nov 2026 02:00:00 GMT"), None);
    assert_eq!(refused(429, "").retry_after(), None);
}

#[test]
fn predicates_partition_the_kinds_sensibly() {
    for kind in ErrorKind::ALL {
        assert!(!kind.to_string().is_empty() && !kind.advice().is_empty());
        assert!(!(kind.is_invalid() && (kind.is_transient() || kind.is_outcome_unknown())), "{kind}");
        assert!(!(kind.is_auth() && kind.is_transient()), "{kind}");
    }
    assert!(ErrorKind::Unavailable.is_outcome_unknown() && !ErrorKind::RateLimited.is_outcome_unknown());
    assert!(ErrorKind::RateLimited.is_transient() && !ErrorKind::Rejected.is_transient());
    assert!(ErrorKind::Forbidden.is_auth() && !ErrorKind::NotFound.is_auth());
}
