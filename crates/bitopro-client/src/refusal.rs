//! What a refused upgrade means: one pure function from what the server said.

use std::time::{Duration, SystemTime};

use bitopro_transport::Refusal;
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName};

/// What a refused upgrade means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// 401: the key was deleted, or the signature is wrong.
    Unauthorized,
    /// 403: the key lacks the permission.
    Forbidden,
    /// 404, or a 2xx instead of the upgrade: the exchange answers an unknown path with an empty 200, and a gateway or
    /// a web server with a page.
    WrongPath,
    /// 400 or 422: the request is not what the exchange expects.
    BadRequest,
    /// 409: the nonce is too far from the server's clock, which `Date` tells.
    ClockSkew {
        /// The server's time, if it told.
        server_time: Option<SystemTime>,
    },
    /// 429: too many requests.
    RateLimited {
        /// How long to wait, if the server told.
        retry_after: Option<Duration>,
    },
    /// 408 or 5xx: the server cannot answer now.
    Unavailable {
        /// How long to wait, if the server told.
        retry_after: Option<Duration>,
    },
    /// 3xx: the server points elsewhere. Never followed, since the request is signed.
    Redirected,
    /// Any other status.
    Unexpected,
}

/// Tells what a refused upgrade means. `now` is the machine's time, which a `Retry-After` that is a date is
/// measured from where the server does not tell its own.
pub(crate) fn classify(refusal: &Refusal, now: SystemTime) -> Verdict {
    let headers = &refusal.headers;
    match refusal.status.as_u16() {
        401 => Verdict::Unauthorized,
        403 => Verdict::Forbidden,
        404 | 200..=299 => Verdict::WrongPath,
        400 | 422 => Verdict::BadRequest,
        409 => Verdict::ClockSkew { server_time: date(headers, DATE) },
        429 => Verdict::RateLimited { retry_after: retry_after(headers, now) },
        408 | 500..=599 => Verdict::Unavailable { retry_after: retry_after(headers, now) },
        300..=399 => Verdict::Redirected,
        _ => Verdict::Unexpected,
    }
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?.trim()).ok()
}

/// `Retry-After` as seconds or as a date. Longer ones than the machine can count are as good as for ever.
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
    use super::*;
    use bytes::Bytes;
    use http::{HeaderValue, StatusCode};

    const NOW: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn now() -> SystemTime {
        httpdate::parse_http_date(NOW).unwrap()
    }

    fn verdict(status: u16, headers: &[(HeaderName, &'static str)]) -> Verdict {
        let mut refusal = Refusal::new(StatusCode::from_u16(status).unwrap());
        refusal.headers =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        classify(&refusal, now())
    }

    #[test]
    fn fault_19_a_page_under_200_is_no_better_than_an_empty_one() {
        let mut refusal = Refusal::new(StatusCode::OK);
        refusal.body = Bytes::from_static(b"<html>maintenance</html>");
        assert_eq!(classify(&refusal, now()), Verdict::WrongPath);
    }

    #[test]
    fn a_date_to_wait_for_is_by_the_server_s_clock() {
        let headers =
            [(RETRY_AFTER, "Sun, 06 Nov 1994 10:00:10 GMT"), (DATE, "Sun, 06 Nov 1994 10:00:00 GMT")];
        assert_eq!(
            verdict(429, &headers),
            Verdict::RateLimited { retry_after: Some(Duration::from_secs(10)) }
        );
    }

    #[test]
    fn every_status_has_its_meaning() {
        for (status, expected) in [
            (200, Verdict::WrongPath),
            (204, Verdict::WrongPath),
            (301, Verdict::Redirected),
            (302, Verdict::Redirected),
            (307, Verdict::Redirected),
            (400, Verdict::BadRequest),
            (401, Verdict::Unauthorized),
            (403, Verdict::Forbidden),
            (404, Verdict::WrongPath),
            (405, Verdict::Unexpected),
            (408, Verdict::Unavailable { retry_after: None }),
            (409, Verdict::ClockSkew { server_time: None }),
            (418, Verdict::Unexpected),
            (422, Verdict::BadRequest),
            (429, Verdict::RateLimited { retry_after: None }),
            (500, Verdict::Unavailable { retry_after: None }),
            (502, Verdict::Unavailable { retry_after: None }),
            (503, Verdict::Unavailable { retry_after: None }),
            (599, Verdict::Unavailable { retry_after: None }),
            (600, Verdict::Unexpected),
        ] {
            assert_eq!(verdict(status, &[]), expected, "{status}");
        }
    }

    #[test]
    fn a_wait_is_read_as_seconds_or_as_a_date() {
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
            assert_eq!(verdict(429, &headers), Verdict::RateLimited { retry_after: expected }, "{text:?}");
            assert_eq!(verdict(503, &headers), Verdict::Unavailable { retry_after: expected }, "{text:?}");
        }
    }

    #[test]
    fn a_clock_that_is_off_comes_with_the_server_s_time() {
        let with = |text| verdict(409, &[(DATE, text)]);
        assert_eq!(with(NOW), Verdict::ClockSkew { server_time: Some(now()) });
        assert_eq!(with("yesterday"), Verdict::ClockSkew { server_time: None });
    }
}
