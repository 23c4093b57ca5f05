use std::fmt;

use bitopro_auth::Signer;
use bitopro_model::__private::parse;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{Request, Response, Uri};
use serde::de::DeserializeOwned;

use crate::parts::Parts;
use crate::refusal::{is_json, refusal};
use crate::{BaseUrl, Endpoint, Error, ErrorKind};

/// A call of the REST API, which becomes a request and reads the response to it.
///
/// The trait is sealed: it is implemented by every call of this crate.
///
/// # Examples
///
/// ```
/// use bitopro_auth::{Credentials, Signer};
/// use bitopro_rest::{BaseUrl, Call, GetOpenOrders};
///
/// let signer = Signer::new(Credentials::new("api-key", "api-secret", "me@example.com")?);
/// let call = GetOpenOrders::new().with_pair("BTC_TWD");
/// let request = call.to_request(&BaseUrl::default(), &signer, 1_700_000_000_000)?;
/// assert_eq!(request.uri(), "https://api.bitopro.com/v3/orders/open?pair=btc_twd");
///
/// // Send the request with any HTTP client.
/// let response = http::Response::new(r#"{"data":null}"#.into());
/// assert!(call.read_reply(&response)?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Call: Sealed + fmt::Debug + Clone {
    /// The reply to the call.
    type Reply: fmt::Debug;

    /// The endpoint: method, path, limits, and whether the call is signed and repeatable.
    const ENDPOINT: Endpoint;

    #[doc(hidden)]
    type Wire: DeserializeOwned;

    #[doc(hidden)]
    fn fill(&self, parts: &mut Parts<'_>);

    /// Converts the wire form of the reply, or returns `None` if it states that there is nothing.
    #[doc(hidden)]
    fn from_wire(wire: Self::Wire) -> Option<Self::Reply>;

    /// Returns whether the body of a success states that there is nothing, without the fields of a reply.
    #[doc(hidden)]
    fn is_nothing(_body: &str) -> bool {
        false
    }

    /// Creates the request at the given time in Unix milliseconds, signed if the endpoint requires it.
    ///
    /// Sign immediately before sending: the exchange rejects a nonce that is much older than its own time. A
    /// request must not be sent twice; create a new one, with a new nonce, from the same call. The headers that
    /// contain the key and the signature are marked as sensitive, so `Debug` does not show them.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`ErrorKind::InvalidCall`] that lists every invalid parameter.
    fn to_request(&self, base: &BaseUrl, signer: &Signer, now_ms: u64) -> Result<Request<Bytes>, Error> {
        build(self, base, Some((signer, now_ms)))
    }

    /// Reads the response.
    ///
    /// # Errors
    ///
    /// Returns an [`Error`] if the exchange rejects the call, if something else than the exchange answers, or
    /// if the reply is unreadable.
    fn read_reply(&self, response: &Response<Bytes>) -> Result<Self::Reply, Error> {
        let (endpoint, status) = (Self::ENDPOINT, response.status());
        if !status.is_success() {
            return Err(refusal(endpoint, response));
        }
        let unreadable = |kind| Error::new(kind, endpoint).with_status(status);
        let text = match str::from_utf8(response.body()) {
            Ok(text) if is_json(text) => text,
            Ok(text) => return Err(unreadable(ErrorKind::Gateway).with_words(text)),
            Err(error) => {
                return Err(unreadable(ErrorKind::Unreadable)
                    .with_words(&format!("not UTF-8 after byte {}", error.valid_up_to())));
            }
        };
        if Self::is_nothing(text) {
            return Err(unreadable(ErrorKind::NotFound));
        }
        let wire = parse::<Self::Wire>(text, None)
            .map_err(|error| unreadable(ErrorKind::Unreadable).with_source(error))?;
        Self::from_wire(wire).ok_or_else(|| unreadable(ErrorKind::NotFound))
    }
}

/// A call that needs no signature and no account.
pub trait PublicCall: Call {
    /// Creates the request.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`ErrorKind::InvalidCall`] that lists every invalid parameter.
    fn to_public_request(&self, base: &BaseUrl) -> Result<Request<Bytes>, Error> {
        build(self, base, None)
    }
}

mod sealed {
    /// Seals [`Call`](super::Call).
    pub trait Sealed {}
}

pub(crate) use sealed::Sealed;

fn build<C: Call>(
    call: &C,
    base: &BaseUrl,
    signing: Option<(&Signer, u64)>,
) -> Result<Request<Bytes>, Error> {
    let endpoint = C::ENDPOINT;
    let invalid = |problem: &str| Error::invalid(ErrorKind::InvalidCall, Some(endpoint), problem);
    let next_nonce = || signing.map_or(0, |(signer, now_ms)| signer.next_nonce(now_ms).get());
    let mut parts = Parts::new(&next_nonce);
    call.fill(&mut parts);
    let target = parts.finish(endpoint.path()).map_err(|problems| invalid(&problems))?;
    let uri: Uri =
        format!("{base}{}", target.path_and_query).parse().map_err(|_| invalid("the URL is too long"))?;

    let has_body = target.body.is_some();
    let mut request = Request::new(Bytes::from(target.body.unwrap_or_default()));
    *request.method_mut() = endpoint.method();
    *request.uri_mut() = uri;
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    if has_body {
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Some((signer, now_ms)) = signing.filter(|_| endpoint.is_signed()) {
        let signed = if has_body { signer.sign_body(request.body()) } else { signer.sign_identity(now_ms) };
        for (name, value) in &signed {
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| invalid("the API key is not a valid header value"))?;
            value.set_sensitive(true);
            let name = http::HeaderName::from_bytes(name.as_bytes());
            request.headers_mut().insert(name.map_err(|_| invalid("invalid header name"))?, value);
        }
    }
    Ok(request)
}

/// Implements [`Call`] for a type: its endpoint, the type of its reply, and its parameters. A wire form that
/// differs from the reply is followed by the conversion.
macro_rules! call {
    ($call:ty => $endpoint:ident, $reply:ty, |$this:ident, $parts:ident| $fill:block) => {
        $crate::call::call!($call => $endpoint, $reply, |$this, $parts| $fill, $reply, Some);
    };
    ($call:ty => $endpoint:ident, $reply:ty, |$this:ident, $parts:ident| $fill:block, $wire:ty, $from_wire:path) => {
        impl $crate::call::Sealed for $call {}

        impl $crate::Call for $call {
            type Reply = $reply;
            type Wire = $wire;

            const ENDPOINT: $crate::Endpoint = $crate::Endpoint::$endpoint;

            fn fill(&self, $parts: &mut $crate::parts::Parts<'_>) {
                let $this = self;
                $fill
            }

            fn from_wire(wire: $wire) -> Option<$reply> {
                $from_wire(wire)
            }
        }
    };
}

/// Declares calls without parameters.
macro_rules! plain_calls {
    ($($(#[$meta:meta])* $call:ident => $endpoint:ident, $reply:ty;)*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $call;

        impl $call {
            /// Creates the call.
            pub const fn new() -> Self {
                Self
            }
        }

        $crate::call::call!($call => $endpoint, $reply, |_this, _parts| {});
    )*};
}

/// Implements setters of optional parameters, which convert their argument.
macro_rules! setters {
    ($call:ty { $($(#[$meta:meta])* $setter:ident($field:ident: $ty:ty);)* }) => {
        impl $call {
            $($(#[$meta])*
            #[must_use]
            pub fn $setter(mut self, $field: $ty) -> Self {
                self.$field = Some($field.into());
                self
            })*
        }
    };
}

pub(crate) use {call, plain_calls, setters};
