//! The classification of refused upgrades by status and headers.

use std::time::{Duration, SystemTime};

use bitopro_transport::Refusal;
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName};

use crate::ErrorKind;

/// Classifies a refused upgrade. A `Retry-After` that is a date is measured from the server's `Date`, or from
/// `now`, the machine's time, if the server does not send one.
pub(crate) fn classify(refusal: &Refusal, now: SystemTime) -> ErrorKind {
    let headers = &refusal.headers;
    match refusal.status.as_u16() {
        // The key was deleted, or the signature is wrong.
        401 => ErrorKind::Unauthorized,
        403 => ErrorKind::Forbidden,
        // For an unknown path, the exchange responds with an empty 200; a gateway or a web server responds
        // with a page.
        404 | 200..=299 => ErrorKind::WrongPath,
        400 | 422 => ErrorKind::BadRequest,
        // The nonce is too far from the server's clock, which `Date` reports.
        409 => ErrorKind::ClockSkew { ahead_ms: None },
        429 => ErrorKind::RateLimited { retry_after: retry_after(headers, now) },
        408 | 500..=599 => ErrorKind::Unavailable { retry_after: retry_after(headers, now) },
        // Redirects are never followed, because the request is signed.
        300..=399 => ErrorKind::Redirected,
        _ => ErrorKind::Refused,
    }
}

/// Returns the server's time from its `Date` header, if any.
pub(crate) fn server_time(refusal: &Refusal) -> Option<SystemTime> {
    date(&refusal.headers, DATE)
}

pub(crate) fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?.trim()).ok()
}

/// Parses `Retry-After` as a number of seconds or as a date. A number that overflows becomes the largest one.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let now = date(headers, DATE).unwrap_or(now);
    Some(date(headers, RETRY_AFTER)?.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use bitopro_transport::Refusal;
    use http::HeaderName;
    use http::header::{DATE, RETRY_AFTER};

    use super::{classify, server_time};
    use crate::ErrorKind;
    use bytes::Bytes;
    use http::{HeaderValue, StatusCode};

    const NOW: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn now() -> SystemTime {
        httpdate::parse_http_date(NOW).unwrap()
    }

    fn kind(status: u16, headers: &[(HeaderName, &'static str)]) -> ErrorKind {
        let mut refusal = Refusal::new(StatusCode::from_u16(status).unwrap());
        refusal.headers =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        classify(&refusal, now())
    }

    #[test]
    fn fault_19_a_200_with_a_page_is_a_wrong_path_like_an_empty_one() {
        let mut refusal = Refusal::new(StatusCode::OK);
        refusal.body = Bytes::from_static(b"<html>maintenance</html>");
        assert_eq!(classify(&refusal, now()), ErrorKind::WrongPath);
    }

    #[test]
    fn a_retry_after_date_is_measured_by_the_clock_of_the_server() {
        let headers =
            [(RETRY_AFTER, "Sun, 06 Nov 1994 10:00:10 GMT"), (DATE, "Sun, 06 Nov 1994 10:00:00 GMT")];
        assert_eq!(
            kind(429, &headers),
            ErrorKind::RateLimited { retry_after: Some(Duration::from_secs(10)) }
        );
    }

    #[test]
    fn every_status_is_classified() {
        for (status, expected) in [
            (200, ErrorKind::WrongPath),
            (204, ErrorKind::WrongPath),
            (301, ErrorKind::Redirected),
            (302, ErrorKind::Redirected),
            (307, ErrorKind::Redirected),
            (400, ErrorKind::BadRequest),
            (401, ErrorKind::Unauthorized),
            (403, ErrorKind::Forbidden),
            (404, ErrorKind::WrongPath),
            (405, ErrorKind::Refused),
            (408, ErrorKind::Unavailable { retry_after: None }),
            (409, ErrorKind::ClockSkew { ahead_ms: None }),
            (418, ErrorKind::Refused),
            (422, ErrorKind::BadRequest),
            (429, ErrorKind::RateLimited { retry_after: None }),
            (500, ErrorKind::Unavailable { retry_after: None }),
            (502, ErrorKind::Unavailable { retry_after: None }),
            (503, ErrorKind::Unavailable { retry_after: None }),
            (599, ErrorKind::Unavailable { retry_after: None }),
            (600, ErrorKind::Refused),
        ] {
            assert_eq!(kind(status, &[]), expected, "{status}");
        }
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        for (text, expected) in [
            ("7", Some(Duration::from_secs(7))),
            (" 7 ", Some(Duration::from_secs(7))),
            ("0", Some(Duration::ZERO)),
            ("99999999999999999999999", Some(Duration::from_secs(u64::MAX))),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(Duration::from_secs(60))),
            ("Sun, 06 Nov 1994 07:49:37 GMT", Some(Duration::ZERO)),
            ("-7", None),
            ("soon", None),
            ("", None),
        ] {
            let headers = [(RETRY_AFTER, text)];
            assert_eq!(kind(429, &headers), ErrorKind::RateLimited { retry_after: expected }, "{text:?}");
            assert_eq!(kind(503, &headers), ErrorKind::Unavailable { retry_after: expected }, "{text:?}");
        }
    }

    #[test]
    fn the_time_of_the_server_is_read_from_its_date_header() {
        let time_from = |text| {
            let mut refusal = Refusal::new(StatusCode::CONFLICT);
            refusal.headers.insert(DATE, HeaderValue::from_static(text));
            server_time(&refusal)
        };
        assert_eq!(time_from(NOW), Some(now()));
        assert_eq!(time_from("yesterday"), None);
    }
}
