use bitopro_client::Rest;
use bitopro_client::model::Order;
use bitopro_client::rest::{GetOpenOrders, GetOrderHistory};
use jiff::Timestamp;

use super::window::{Window, latest, read_all};
use super::{call, print, to_model, with_account};
use crate::args::{ListArgs, OrdersArgs};
use crate::exit::{Failure, Status};
use crate::table::{Appearance, RowFormat, View, orders};

pub(crate) fn run(args: OrdersArgs) -> Result<Status, Failure> {
    let OrdersArgs { pair, closed, list: ListArgs { window, format, times, credentials, trust } } = args;
    let (now, time_zone) = (Timestamp::now(), times.time_zone());
    let window = Window::new(&window, now, &time_zone)?;
    let orders = with_account(&credentials, &trust, async |rest| match pair {
        Some(pair) if closed => closed_orders(&rest, &pair, &window).await,
        pair => open_orders(&rest, pair).await,
    })?;
    print(&format, &orders, || {
        let look = Appearance::of_stdout(time_zone);
        let format = RowFormat { look: &look, stream: None, view: View::Reply };
        orders::section(to_model(now), &orders, None, &format).to_lines(orders::COLUMNS, &look)
    })
}

async fn open_orders(rest: &Rest, pair: Option<String>) -> Result<Vec<Order>, Failure> {
    let all = GetOpenOrders::new();
    let orders = call(rest, &pair.map_or(all.clone(), |pair| all.with_pair(pair))).await?;
    Ok(by_update(orders.into_iter().map(with_times_in_millis)))
}

/// Converts the times of an order to milliseconds. Those of open orders are in seconds, unlike those of closed ones.
pub(crate) fn with_times_in_millis(mut order: Order) -> Order {
    (order.created_timestamp, order.updated_timestamp) = (order.created(), order.updated());
    order
}

pub(super) async fn closed_orders(rest: &Rest, pair: &str, window: &Window) -> Result<Vec<Order>, Failure> {
    // The status kind `Done` would leave out orders that were cancelled without an execution.
    let orders = read_all(rest, GetOrderHistory::new(pair), window).await?;
    Ok(latest(by_update(orders.into_iter().filter(|order| !order.is_open())), window))
}

/// Sorts orders by the time of their last change.
fn by_update(orders: impl IntoIterator<Item = Order>) -> Vec<Order> {
    let mut orders: Vec<Order> = orders.into_iter().collect();
    orders.sort_by_key(Order::updated);
    orders
}
