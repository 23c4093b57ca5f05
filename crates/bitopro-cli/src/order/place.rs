use bitopro_client::model::{Order, OrderId};
use bitopro_client::rest::{PlaceOrder, Trigger};
use bitopro_client::{Client, Outcome, Resolution};
use fastrand::Rng;
use jiff::Timestamp;

use super::line::{Line, OrderRef, Request};
use super::{Server, failure, print_state, print_unsent, unknown, unless_stopped};
use crate::args::{PlaceArgs, Side};
use crate::client::for_order;
use crate::exit::{Failure, Status};
use crate::query::note;
use crate::signals::{Signals, StopRequest};

pub(super) async fn run(mut args: PlaceArgs, signals: &Signals) -> Result<Status, Failure> {
    args.client_id.get_or_insert_with(|| random_client_id(Timestamp::now()));
    let server = Server::new(&args.send)?;
    run_on(&server, &args, signals).await
}

pub(super) async fn run_on(server: &Server, args: &PlaceArgs, signals: &Signals) -> Result<Status, Failure> {
    let request = request(server, args)?;
    let order = order(args);
    server.client.check_order(&order).await.map_err(|error| failure(&error))?;
    let format = &args.send.format;
    if !server.sends {
        return print_unsent(request, format);
    }
    let mut stop = signals.stop_request();
    let (id, state) = place(&server.client, &order, &mut stop).await?;
    let placed = OrderRef::new(order.pair().as_str(), id);
    Line::Placed(placed.clone()).print(format)?;
    // From now on, a signal ends the command as usual.
    drop(stop);
    match state {
        Some(order) => Line::order(*order).print(format)?,
        None => print_state(&server.client, placed, format).await?,
    }
    Ok(Status::Ok)
}

/// Returns a client id. If no answer arrives, it distinguishes the order from an equal one of the last minute.
fn random_client_id(seed: Timestamp) -> u32 {
    Rng::with_seed(seed.as_microsecond().unsigned_abs()).u32(1..=i32::MAX.unsigned_abs())
}

/// Returns the request of an order. Fails if the order is invalid for every pair.
pub(super) fn request(server: &Server, args: &PlaceArgs) -> Result<Request, Failure> {
    server.request(&order(args), describe(args))
}

fn order(args: &PlaceArgs) -> PlaceOrder {
    let PlaceArgs { pair, side, amount, price, stop_above, stop_below, post_only, client_id, .. } = args;
    let (pair, amount) = (pair.to_ascii_lowercase(), *amount);
    let trigger = stop_above.map(Trigger::at_or_above).or_else(|| stop_below.map(Trigger::at_or_below));
    let order = match (side, *price, trigger) {
        (Side::Buy, None, _) => PlaceOrder::market_buy_for_quote(pair, amount),
        (Side::Sell, None, _) => PlaceOrder::market_sell(pair, amount),
        (Side::Buy, Some(price), Some(trigger)) => PlaceOrder::stop_limit_buy(pair, amount, price, trigger),
        (Side::Sell, Some(price), Some(trigger)) => PlaceOrder::stop_limit_sell(pair, amount, price, trigger),
        (Side::Buy, Some(price), None) if *post_only => PlaceOrder::post_only_buy(pair, amount, price),
        (Side::Sell, Some(price), None) if *post_only => PlaceOrder::post_only_sell(pair, amount, price),
        (Side::Buy, Some(price), None) => PlaceOrder::limit_buy(pair, amount, price),
        (Side::Sell, Some(price), None) => PlaceOrder::limit_sell(pair, amount, price),
    };
    match client_id {
        Some(id) => order.with_client_id(*id),
        None => order,
    }
}

/// Describes an order in words, with the currency of each number.
fn describe(args: &PlaceArgs) -> String {
    let PlaceArgs { amount, price, stop_above, stop_below, post_only, .. } = args;
    let pair = args.pair.to_ascii_uppercase();
    let (base, quote) = pair.split_once('_').unwrap_or((&pair, ""));
    let order = match (args.side, price) {
        (Side::Buy, None) => format!("buy {base} for {amount} {quote} at the market price"),
        (Side::Sell, None) => format!("sell {amount} {base} at the market price"),
        (Side::Buy, Some(price)) => format!("buy {amount} {base} at {price} {quote} or less"),
        (Side::Sell, Some(price)) => format!("sell {amount} {base} at {price} {quote} or more"),
    };
    match (stop_above, stop_below) {
        (Some(stop), _) => format!("{order}, once the market price is {stop} {quote} or more"),
        (_, Some(stop)) => format!("{order}, once the market price is {stop} {quote} or less"),
        _ if *post_only => format!("{order}, only as the maker"),
        _ => order,
    }
}

/// Places an order, and returns its id, and its state if that is known.
///
/// If the exchange does not answer, finds out whether the order was placed.
async fn place(
    client: &Client,
    order: &PlaceOrder,
    stop: &mut StopRequest,
) -> Result<(OrderId, Option<Box<Order>>), Failure> {
    let advice = advice(order);
    let outcome = unless_stopped(stop, client.place(order), &advice).await?;
    let mut placement = match outcome.map_err(|error| failure(&error))? {
        Outcome::Accepted(accepted) => return Ok((accepted.id().clone(), None)),
        Outcome::Unknown(placement) => placement,
    };
    let error = for_order(&format!("{:#}", placement.error()));
    note(&format!("it is unknown whether the order was placed: {error}"));
    note("looking for the order in the account for up to 60 s");
    match unless_stopped(stop, placement.resolve(), &advice).await? {
        Resolution::Placed(order) => Ok((order.id.clone(), Some(order))),
        Resolution::NotPlaced => Err(Failure::new(
            Status::of_call(placement.error().kind()),
            format!("the order was not placed: {error}"),
        )),
        Resolution::Unknown(reason) => {
            Err(unknown(&format!("it remains unknown whether the order was placed: {reason}; {advice}")))
        }
    }
}

/// Returns what to do if it is unknown whether an order was placed.
fn advice(order: &PlaceOrder) -> String {
    let pair = order.pair();
    let id = order.client_id().map_or_else(String::new, |id| format!(" (client id {id})"));
    format!(
        "before you place the order again, look for it{id} with `bitopro orders {pair}` and `bitopro orders {pair} --closed`"
    )
}
