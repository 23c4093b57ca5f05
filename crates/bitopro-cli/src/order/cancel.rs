use bitopro_client::model::Pair;
use bitopro_client::rest::{CancelAllOrders, CancelOrder, CancelPairOrders, CancelledOrders};
use bitopro_client::{Client, OrderError, Outcome};

use super::line::{Line, OrderRef};
use super::{Server, failure, print_state, print_unsent, read_order, unknown, unless_stopped};
use crate::args::{CancelArgs, FormatArgs};
use crate::client::for_order;
use crate::exit::{Failure, Status};
use crate::query::note;
use crate::signals::{Signals, StopRequest};

/// The orders to cancel.
enum Target {
    One(OrderRef),
    AllOf(Pair),
    All,
}

pub(super) async fn run(args: CancelArgs, signals: &Signals) -> Result<Status, Failure> {
    let CancelArgs { pair, id, send, .. } = args;
    let target = match (pair, id) {
        (Some(pair), Some(id)) => Target::One(OrderRef::new(&pair, id)),
        (Some(pair), None) => Target::AllOf(pair.to_ascii_lowercase().into()),
        (None, _) => Target::All,
    };
    let server = Server::new(&send)?;
    let request = match &target {
        Target::One(order) => server.request(&call(order), format!("cancel {order}")),
        Target::AllOf(pair) => {
            server.request(&CancelPairOrders::new(pair.clone()), format!("cancel all open orders of {pair}"))
        }
        Target::All => {
            server.request(&CancelAllOrders::new(), "cancel all open orders of the account".to_owned())
        }
    }?;
    if !server.sends {
        return print_unsent(request, &send.format);
    }
    let mut stop = signals.stop_request();
    let client = &server.client;
    match target {
        Target::One(order) => cancel_one(client, order, stop, &send.format).await?,
        Target::AllOf(pair) => {
            let advice = format!("`bitopro orders {pair}` lists the orders that remain open");
            let outcome = unless_stopped(&mut stop, client.cancel_all_of(pair), &advice).await?;
            print_cancelled(outcome, &advice, &send.format)?;
        }
        Target::All => {
            let advice = "`bitopro orders` lists the orders that remain open";
            let outcome = unless_stopped(&mut stop, client.cancel_all(), advice).await?;
            print_cancelled(outcome, advice, &send.format)?;
        }
    }
    Ok(Status::Ok)
}

fn call(order: &OrderRef) -> CancelOrder {
    CancelOrder::new(order.pair.clone(), order.id.clone())
}

/// Cancels an order, and prints its state. If the exchange does not answer, only the state shows the outcome.
async fn cancel_one(
    client: &Client,
    order: OrderRef,
    mut stop: StopRequest,
    format: &FormatArgs,
) -> Result<(), Failure> {
    let pair = &order.pair;
    let advice = format!("`bitopro orders {pair}` shows whether it is open; cancelling it again is harmless");
    let outcome = unless_stopped(&mut stop, client.cancel(&call(&order)), &advice).await?;
    let error = match outcome.map_err(|error| failure(&error))? {
        Outcome::Accepted(_) => {
            Line::Cancelled(order.clone()).print(format)?;
            drop(stop);
            return print_state(client, order, format).await;
        }
        Outcome::Unknown(error) => for_order(&format!("{error:#}")),
    };
    let text = format!("it is unknown whether {order} was cancelled: {error}");
    match unless_stopped(&mut stop, read_order(client, &order), &advice).await? {
        Ok(state) if state.is_final() => {
            note(&format!("{text}; it is closed now"));
            Line::order(state).print(format)
        }
        _ => Err(unknown(&format!("{text}; {advice}"))),
    }
}

fn print_cancelled(
    outcome: Result<Outcome<CancelledOrders>, OrderError>,
    advice: &str,
    format: &FormatArgs,
) -> Result<(), Failure> {
    let cancelled = match outcome.map_err(|error| failure(&error))? {
        Outcome::Accepted(cancelled) => cancelled,
        Outcome::Unknown(error) => {
            let error = for_order(&format!("{error:#}"));
            return Err(unknown(&format!("it is unknown which orders were cancelled: {error}; {advice}")));
        }
    };
    if cancelled.is_empty() {
        note("no orders were cancelled");
    }
    for (pair, ids) in cancelled.by_pair() {
        for id in ids {
            Line::Cancelled(OrderRef::new(pair.as_str(), id.clone())).print(format)?;
        }
    }
    Ok(())
}
