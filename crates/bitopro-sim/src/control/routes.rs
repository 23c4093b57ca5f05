//! Decides which requests are answered, and by what.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;

use crate::Simulator;
use crate::control::problem::{JsonResponse, Problem, json};
use crate::control::{commands, state};

/// Largest size of a request's body.
pub(super) const BODY_LIMIT: usize = 1 << 20;

const PATHS: &str = "expected POST /commands, GET /accounts, GET /accounts/NAME, GET /order-book/PAIR or \
    GET /connections";

/// Answers a request.
pub(super) async fn answer<B>(simulator: &Simulator, request: Request<B>) -> JsonResponse
where
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync + 'static>,
{
    route(simulator, request).await.unwrap_or_else(Problem::into_response)
}

async fn route<B>(simulator: &Simulator, request: Request<B>) -> Result<JsonResponse, Problem>
where
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync + 'static>,
{
    check_sender(&request)?;
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let get = || if head.method == Method::GET { Ok(()) } else { Err(Problem::method("GET")) };
    if path == "/commands" {
        if head.method != Method::POST {
            return Err(Problem::method("POST"));
        }
        let results = commands::run(simulator, &read(body).await?).await?;
        Ok(json(StatusCode::OK, &results))
    } else if path == "/accounts" {
        get()?;
        Ok(json(StatusCode::OK, &state::accounts(simulator)))
    } else if let Some(name) = path.strip_prefix("/accounts/") {
        get()?;
        Ok(json(StatusCode::OK, &state::account(simulator, name)?))
    } else if let Some(pair) = path.strip_prefix("/order-book/") {
        get()?;
        Ok(json(StatusCode::OK, &state::order_book(simulator, pair)?))
    } else if path == "/connections" {
        get()?;
        Ok(json(StatusCode::OK, &state::connections(simulator)))
    } else {
        Err(Problem::new(StatusCode::NOT_FOUND, format!("unknown path `{path}`; {PATHS}")))
    }
}

/// Refuses requests that a web page in a browser of this machine may have sent.
///
/// Browsers send `Origin` with every request that can have an effect. A page whose host name resolves to this
/// machine (DNS rebinding) could also read the responses, but `Host` shows its name.
fn check_sender<B>(request: &Request<B>) -> Result<(), Problem> {
    if request.headers().contains_key(ORIGIN) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "requests of web pages (with `Origin`) are refused"));
    }
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let is_local = |authority: &Authority| {
        let host = authority.host().trim_matches(['[', ']']);
        host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    };
    // A target with a host, which a proxy would receive, replaces the header.
    let is_target_local = request.uri().authority().is_none_or(is_local);
    if is_target_local && host.parse().is_ok_and(|authority| is_local(&authority)) {
        return Ok(());
    }
    let error = format!("host `{host:.100}` is not this machine; use 127.0.0.1 or localhost");
    Err(Problem::new(StatusCode::FORBIDDEN, error))
}

async fn read<B>(body: B) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync + 'static>,
{
    match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let error = format!("the body is larger than {BODY_LIMIT} bytes");
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, error))
        }
        Err(error) => Err(Problem::new(StatusCode::BAD_REQUEST, format!("cannot read the body: {error}"))),
    }
}
