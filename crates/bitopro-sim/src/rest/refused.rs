//! Refusals with the words of the exchange. Most words were published; their status 422 was measured for some of
//! them, and is assumed for the others.

use bitopro_rest::{Endpoint, Limit};
use bitopro_transport::Refusal;
use http::StatusCode;

use crate::CommandError;
use crate::gateway::refusal::{self, with_error};

/// The status of a call with a wrong parameter (measured).
const UNPROCESSABLE: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

/// Refuses a call, for the reason why the exchange did not carry out its command.
impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        with_error(UNPROCESSABLE, &words(&error))
    }
}

fn words(error: &CommandError) -> String {
    match error {
        CommandError::UnsupportedPair(pair) | CommandError::NotAPair(pair) => {
            format!("Unsupported trading pair {pair}.")
        }
        CommandError::InvalidPrice(price) => format!("Invalid price {price}."),
        CommandError::AmountDecimals { amount, limit } => {
            format!("Invalid amount {amount}, decimal limit is {limit}.")
        }
        CommandError::PriceDecimals { price, limit } => {
            format!("Invalid price {price}, decimal limit is {limit}.")
        }
        CommandError::BelowMinimum { amount, minimum } => {
            format!("Invalid amount {amount} less than min {minimum}.")
        }
        CommandError::AboveMaximum { amount, maximum } => {
            format!("Invalid amount {amount} greater than max {maximum}.")
        }
        CommandError::NotEnough { currency, available, ordered } => {
            format!("Balance for {currency} not enough, only has {available}, but ordered {ordered}.")
        }
        CommandError::InvalidScale(scale) => format!("Invalid scale: {scale}"),
        CommandError::NotOpen(id) => format!("Order {id} is not open."),
        // The exchange's words are unknown.
        other => other.to_string(),
    }
}

pub(crate) fn wrong_parameter(name: &str) -> Refusal {
    with_error(UNPROCESSABLE, &format!("Wrong parameter: {name}"))
}

pub(crate) fn invalid(what: &str, value: &str) -> Refusal {
    with_error(UNPROCESSABLE, &format!("Invalid {what}: {value}"))
}

pub(crate) fn invalid_body() -> Refusal {
    with_error(UNPROCESSABLE, "Invalid body")
}

pub(crate) fn unsupported_order_type() -> Refusal {
    with_error(UNPROCESSABLE, "Unsupported order type")
}

/// Refuses an unknown order. The exchange answered with status 200 and an order without an id in 2019; what it does
/// today is unknown.
pub(crate) fn unknown_order() -> Refusal {
    with_error(StatusCode::NOT_FOUND, "Order not found.")
}

/// Refuses a call beyond a limit, which the words name, although those of the exchange are unknown.
pub(crate) fn too_many(limit: Limit) -> Refusal {
    with_error(refusal::TOO_MANY_REQUESTS, &format!("too many requests ({limit})"))
}

/// Refuses a call that the simulator does not know.
pub(crate) fn unsupported(endpoint: Endpoint) -> Refusal {
    with_error(StatusCode::NOT_IMPLEMENTED, &format!("the simulator does not support {endpoint}"))
}
