//! The exchange's REST API without HTTP connections: a request, the exchange and its accounts give a response.

mod account;
mod call;
mod call_limits;
mod fault;
mod json;
mod market;
mod orders;
mod parameters;
mod placing;
mod refused;
mod route;

pub use fault::RestFault;

use bitopro_model::Timestamp;
use bitopro_transport::Refusal;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use tokio::time::Instant;

use crate::gateway::authentication::{Authentication, Rejection};
use crate::gateway::counted_queue::CountedQueue;
use crate::gateway::refusal;
use crate::rest::call::Call;
use crate::rest::call_limits::CallLimits;
use crate::rest::parameters::Parameters;
use crate::{AccountId, Exchange, Push, Quirks, RateLimits};

/// The path of the REST API's base URL.
pub const REST_PATH: &str = "/v3";

/// The state of the REST API between calls.
#[derive(Debug)]
pub(crate) struct RestApi {
    quirks: Quirks,
    limits: CallLimits,
    /// The requested faults of the next calls.
    pub(crate) faults: CountedQueue<RestFault>,
}

/// The outcome of a call.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response<Bytes>,
    /// The messages that the call caused.
    pub(crate) pushes: Vec<Push>,
    /// The fault that the response suffers on its way.
    pub(crate) fault: Option<RestFault>,
    /// The reason of a refusal, for the log.
    pub(crate) refused: Option<&'static str>,
}

/// The value of a reply, or the refusal.
type Reply = Result<serde_json::Value, Refusal>;

impl RestApi {
    pub(crate) fn new(quirks: Quirks) -> Self {
        Self { quirks, limits: CallLimits::default(), faults: CountedQueue::default() }
    }

    /// Carries out a call.
    pub(crate) fn answer(
        &mut self,
        request: &Request<Bytes>,
        (exchange, authentication): (&mut Exchange, &mut Authentication),
        now: Timestamp,
    ) -> Answer {
        let fault = self.faults.next();
        let mut pushes = Vec::new();
        let answered = match fault {
            Some(RestFault::Status(status)) => {
                Err(Rejection::new(refusal::with_status(status, now), "refused by a command"))
            }
            _ => self.carry_out(request, (exchange, authentication), now, &mut pushes),
        };
        let (mut response, refused) = match answered {
            Ok(response) => (response, None),
            Err(Rejection { refusal, reason }) => (response_of(refusal), Some(reason)),
        };
        if let Some((name, value)) = refusal::date(now) {
            response.headers_mut().insert(name, value);
        }
        if fault == Some(RestFault::Truncate) {
            let half = response.body().len() / 2;
            response.body_mut().truncate(half);
        }
        Answer { response, pushes, fault, refused }
    }

    fn carry_out(
        &mut self,
        request: &Request<Bytes>,
        (exchange, authentication): (&mut Exchange, &mut Authentication),
        now: Timestamp,
        pushes: &mut Vec<Push>,
    ) -> Result<Response<Bytes>, Rejection> {
        let (endpoint, arguments) = route::find(request.method(), request.uri().path())?;
        let account = if endpoint.is_signed() {
            authentication.authenticate_call(request, now)?
        } else {
            AccountId::DEFAULT
        };
        if self.quirks.rate_limits == RateLimits::Enforced {
            self.limits.admit(endpoint, account, Instant::now())?;
        }
        let parameters = Parameters::new(arguments, request.uri().query().unwrap_or_default());
        let (body, quirks) = (request.body(), self.quirks);
        let mut call = Call { exchange, account, now, parameters, body, quirks, pushes };
        let reply = call.answer(endpoint).map_err(|refusal| Rejection::new(refusal, "not carried out"))?;
        let mut response = Response::new(Bytes::from(reply.to_string()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(response)
    }
}

/// Turns a refusal into a response.
pub(crate) fn response_of(refusal: Refusal) -> Response<Bytes> {
    let mut response = Response::new(refusal.body);
    *response.status_mut() = refusal.status;
    *response.headers_mut() = refusal.headers;
    response
}
