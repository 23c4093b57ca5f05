use std::fmt;

use bitopro_client::model::{Order, OrderId, Pair};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::args::{Format, FormatArgs};
use crate::exit::{Failure, Status};
use crate::output::{Output, exit_status, json};
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
        write!(f, "order {} of {}", self.id, self.pair)
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
    /// Prints the line immediately. A closed pipe is not a failure.
    ///
    /// If an effect cannot be printed, the outcome is unknown to the reader of the output.
    pub(super) fn print(&self, format: &FormatArgs) -> Result<(), Failure> {
        let mut output = Output::stdout();
        let text = self.to_text()?;
        let printed = match format.format() {
            Format::Table => output.lines(&text),
            Format::Ndjson => output.json(self),
        };
        match exit_status(printed.and_then(|()| output.flush()), Status::Ok) {
            Err(failure) if matches!(self, Self::Placed(_) | Self::Cancelled(_)) => {
                Err(Failure::new(Status::UnknownOutcome, text.trim_end().to_owned()).with_source(failure))
            }
            result => result.map(drop),
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
