use std::fmt;

use bitopro_client::model::{Order, OrderId, Pair};
use bitopro_client::transport::printable;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::args::{Format, FormatArgs};
use crate::exit::{Failure, MAX_LINE, Status};
use crate::output::{Output, exit_status, json};
use crate::query::orders::with_times_in_millis;
use crate::query::to_model;
use crate::table::{Appearance, RowFormat, View, orders};

/// A line of the output, as JSON or as text. The README documents the JSON.
#[derive(Debug, Serialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub(super) enum Line {
    /// A request that is not sent.
    Request(Request),
    Placed(OrderRef),
    Cancelled(OrderRef),
    /// The state of an order.
    Order(Box<Order>),
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct OrderRef {
    pub(super) pair: Pair,
    pub(super) id: OrderId,
}

impl OrderRef {
    /// Names an order. The pair is printed in lowercase, unlike in some replies of the exchange.
    pub(super) fn new(pair: &str, id: impl Into<OrderId>) -> Self {
        Self { pair: pair.to_ascii_lowercase().into(), id: id.into() }
    }
}

impl fmt::Display for OrderRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("order {} of {}", self.id, self.pair);
        f.write_str(&printable(&text, MAX_LINE))
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Request {
    description: String,
    method: String,
    url: String,
    body: Option<Map<String, Value>>,
}

impl Request {
    /// Creates the description of a request. The time in its body is left out, since it is set when the request is sent.
    pub(super) fn new(
        description: String,
        method: String,
        url: String,
        body: &[u8],
    ) -> Result<Self, Failure> {
        let mut fields: Option<Map<String, Value>> = None;
        if !body.is_empty() {
            fields = serde_json::from_slice(body).map_err(|error| {
                Failure::new(Status::Unexpected, "cannot read the body of the request").with_source(error)
            })?;
        }
        if let Some(fields) = &mut fields {
            fields.remove("timestamp");
        }
        Ok(Self { description, method, url, body: fields })
    }

    pub(super) fn to_text(&self) -> Result<String, Failure> {
        let Self { description, method, url, body } = self;
        let body = body.as_ref().map(json).transpose()?;
        Ok(format!("{description}\n{method} {url}\n{}", body.map_or_else(String::new, |body| body + "\n")))
    }
}

impl Line {
    pub(super) fn order(order: Order) -> Self {
        Self::Order(Box::new(with_times_in_millis(order)))
    }

    /// Prints the line immediately. A closed pipe is not a failure.
    ///
    /// If a result cannot be printed, the reader of the output does not know the outcome.
    pub(super) fn print(&self, format: &FormatArgs) -> Result<(), Failure> {
        let mut output = Output::stdout();
        let printed = match format.format() {
            Format::Table => output.lines(&self.to_text()?),
            Format::Ndjson => output.json(self),
        };
        match exit_status(printed.and_then(|()| output.flush()), Status::Ok) {
            Ok(_) => Ok(()),
            Err(failure) if matches!(self, Self::Request(_)) => Err(failure),
            Err(failure) => {
                let message = format!("the request was carried out, but cannot print {}", json(self)?);
                Err(Failure::new(Status::UnknownOutcome, message).with_source(failure))
            }
        }
    }

    fn to_text(&self) -> Result<String, Failure> {
        match self {
            Self::Request(request) => request.to_text(),
            Self::Placed(order) => Ok(format!("placed {order}\n")),
            Self::Cancelled(order) => Ok(format!("cancelled {order}\n")),
            Self::Order(order) => {
                let look = Appearance::of_stdout(TimeZone::UTC);
                let format = RowFormat { look: &look, stream: None, view: View::Reply };
                let section = orders::section(to_model(Timestamp::now()), [&**order], None, &format);
                Ok(section.to_lines(orders::COLUMNS, &look))
            }
        }
    }
}
