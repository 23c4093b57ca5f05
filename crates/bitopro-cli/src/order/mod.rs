//! The commands that place and cancel orders.

mod cancel;
mod line;
mod place;

#[cfg(test)]
mod tests;

use bitopro_client::model::Order;
use bitopro_client::rest::{BaseUrl, Call, GetOrder};
use bitopro_client::{Client, OrderError, OrderErrorKind, RestError, RestErrorKind, Signer};

use crate::args::{FormatArgs, OrderArgs, OrderCommand, SendArgs};
use crate::client::for_order;
use crate::credentials;
use crate::exit::{Failure, Status, causes};
use crate::query::{self, note};
use crate::signals::{Signals, StopRequest};
use line::{Line, OrderRef, Request};

pub(crate) fn run(args: OrderArgs, signals: &Signals) -> Result<Status, Failure> {
    crate::block_on(async {
        match args.command {
            OrderCommand::Place(args) => place::run(args, signals).await,
            OrderCommand::Cancel(args) => cancel::run(args, signals).await,
        }
    })
}

/// The server of a request, and whether the request is sent.
struct Server {
    /// A client without an account, unless the request is sent.
    client: Client,
    sends: bool,
}

impl Server {
    fn new(args: &SendArgs) -> Result<Self, Failure> {
        let client = query::client(query::no_account()?, &args.trust)?;
        let rest = client.rest().map_err(|error| query::failure(&error))?;
        if !sends(rest.base_url(), args.live) {
            return Ok(Self { client, sends: false });
        }
        let client = query::client(credentials::load(&args.credentials, "")?, &args.trust)?;
        Ok(Self { client, sends: true })
    }

    /// Returns the request of a call. Fails if the call is invalid.
    fn request<C: Call>(&self, call: &C, description: String) -> Result<Request, Failure> {
        let rest = self.client.rest().map_err(|error| query::failure(&error))?;
        let request = call.to_request(rest.base_url(), &Signer::new(query::no_account()?), 0);
        let request = request.map_err(|error| Failure::new(Status::Usage, for_order(&error.to_string())))?;
        let (method, url) = (request.method().to_string(), request.uri().to_string());
        Request::new(description, method, url, request.body())
    }
}

/// Returns whether a request is sent. A server on this machine is a simulator, as the documentation states.
fn sends(base: &BaseUrl, live: bool) -> bool {
    live || base.is_loopback()
}

/// Prints a request that is not sent.
fn print_unsent(request: Request, format: &FormatArgs) -> Result<Status, Failure> {
    Line::Request(request).print(format)?;
    note("nothing was sent; add `--live` to send it");
    Ok(Status::Ok)
}

/// Waits for the result of a call that has an effect. If a signal arrives first, the outcome is unknown.
async fn unless_stopped<T>(
    stop: &mut StopRequest,
    result: impl Future<Output = T>,
    advice: &str,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        result = result => Ok(result),
        () = stop.requested() => Err(unknown(&format!("stopped before the outcome was known; {advice}"))),
    }
}

/// Prints the state of an order, or a note if it cannot be read.
async fn print_state(client: &Client, order: OrderRef, format: &FormatArgs) -> Result<(), Failure> {
    match read_order(client, &order).await {
        Ok(state) => Line::order(state).print(format),
        Err(error) => {
            let (pair, error) = (order.pair, query::failure(&error));
            note(&format!("cannot read the state of the order: {error:#}; see `bitopro orders {pair}`"));
            Ok(())
        }
    }
}

async fn read_order(client: &Client, order: &OrderRef) -> Result<Order, RestError> {
    client.rest()?.call(&GetOrder::new(order.pair.clone(), order.id.clone())).await
}

/// Converts the error of a call without an effect to a failure of the command.
fn failure(error: &OrderError) -> Failure {
    let status = match error.kind() {
        OrderErrorKind::BrokenRule(_) => Status::Usage,
        OrderErrorKind::NotSent(kind) => Status::of_call(kind),
        OrderErrorKind::Rejected(kind) => match Status::of_call(RestErrorKind::Call(kind)) {
            // The order is invalid, or is not open.
            Status::Unexpected => Status::Usage,
            status => status,
        },
        _ => Status::Unexpected,
    };
    let failure = Failure::new(status, for_order(&error.to_string()));
    match causes(error) {
        Some(causes) => failure.with_source(for_order(&causes)),
        None => failure,
    }
}

fn unknown(text: &str) -> Failure {
    Failure::new(Status::UnknownOutcome, for_order(text))
}
