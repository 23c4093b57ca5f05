use std::time::Duration;

use bitopro_client::rest::PlaceOrder;
use bitopro_client::{AcceptedOrder, Client, Outcome, Settled};
use bitopro_model::{Decimal, OrderStatus};
use tokio::time::{Instant, timeout};

use super::{exchange, execute, order};

async fn place(client: &Client, order: &PlaceOrder) -> AcceptedOrder {
    match client.place(order).await.unwrap() {
        Outcome::Accepted(accepted) => accepted,
        Outcome::Unknown(unknown) => panic!("{unknown:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_streams_show_an_order_that_is_open_filled_or_closed() {
    let (simulator, client) = exchange();
    let account = client.account();
    account.ready().await.unwrap();
    let open = place(&client, &order()).await;
    let start = Instant::now();
    let Settled::Open(shown) = open.settled(&account).await else { panic!("not open") };
    assert_eq!((shown.id.clone(), shown.status), (open.id().clone(), OrderStatus::InProgress));

    let market = PlaceOrder::market_buy_for_quote("btc_twd", Decimal::from(1_000));
    let filled = place(&client, &market).await;
    assert!(matches!(filled.settled(&account).await, Settled::Filled(order) if order.id == *filled.id()));

    let crossing = PlaceOrder::post_only_buy("btc_twd", Decimal::new(1, 4), Decimal::from(5_000_000));
    let closed = place(&client, &crossing).await;
    let Settled::Closed(shown) = closed.settled(&account).await else { panic!("not closed") };
    assert_eq!(shown.status, OrderStatus::PostOnlyCancelled);
    assert!(start.elapsed() < Duration::from_secs(1));
    drop(simulator);
}

#[tokio::test(start_paused = true)]
async fn the_streams_may_show_the_order_before_the_exchange_answers() {
    let (simulator, client) = exchange();
    let account = client.account();
    account.ready().await.unwrap();
    client.trading_pairs().await.unwrap();
    execute(&simulator, "fail-rest 1 delay 5000");
    let accepted = place(&client, &order()).await;
    execute(&simulator, "fail-rest 1000 502");
    let settled = timeout(Duration::ZERO, accepted.settled(&account)).await.expect("shown already");
    assert!(matches!(settled, Settled::Open(_)));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_filled_while_disconnected_is_shown_after_the_reconnect() {
    let (simulator, client) = exchange();
    let account = client.account();
    account.ready().await.unwrap();
    execute(&simulator, "refuse 4 502");
    execute(&simulator, "disconnect");
    let accepted = place(&client, &order()).await;
    execute(&simulator, &format!("fill {}", accepted.id()));
    execute(&simulator, "fail-rest 1000 502");
    assert!(matches!(accepted.settled(&account).await, Settled::Filled(_)));
}

#[tokio::test(start_paused = true)]
async fn without_the_streams_the_rest_api_shows_the_order() {
    let (simulator, client) = exchange();
    let account = client.account();
    account.ready().await.unwrap();
    execute(&simulator, "refuse 1000 502");
    execute(&simulator, "disconnect");
    let accepted = place(&client, &order()).await;
    let start = Instant::now();
    assert!(matches!(accepted.settled(&account).await, Settled::Open(_)));
    assert_eq!(start.elapsed(), Duration::from_secs(10));

    execute(&simulator, &format!("fill {}", accepted.id()));
    execute(&simulator, "fail-rest 3 502");
    assert!(matches!(accepted.settled(&account).await, Settled::Unknown(_)));
    account.request_close();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let start = Instant::now();
    assert!(matches!(accepted.settled(&account).await, Settled::Filled(_)));
    assert_eq!(start.elapsed(), Duration::ZERO);
}
