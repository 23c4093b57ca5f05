use std::time::Duration;

use bitopro_client::rest::PlaceOrder;
use bitopro_client::{Account, Client, Resolution, Subscription, UnknownPlacement, Unresolved};
use bitopro_model::{Decimal, OrderId, PrivateStream};
use bitopro_sim::{Command, Push, Simulator};
use tokio::time::{Instant, sleep, timeout};

use super::{accepted, exchange, execute, open, order, unknown};

const SECOND: Duration = Duration::from_secs(1);

/// Starts a simulator, a client and its subscription, whose state is fresh.
async fn exchange_and_account() -> (Simulator, Client, Subscription<Account>) {
    let (simulator, client) = exchange();
    let account = client.account();
    account.ready().await.unwrap();
    (simulator, client, account)
}

/// Returns the resolution if it takes no time.
async fn immediate(unknown: &mut UnknownPlacement, account: &Subscription<Account>) -> Option<Resolution> {
    timeout(Duration::ZERO, unknown.resolve_with(account)).await.ok()
}

#[tokio::test(start_paused = true)]
async fn the_streams_show_an_order_while_the_rest_api_is_down() {
    for end in [None, Some("fill"), Some("cancel")] {
        for order in [order(), order().with_client_id(7_u32)] {
            let (simulator, client, account) = exchange_and_account().await;
            let mut unknown = unknown(&simulator, &client, &order, "lose").await;
            execute(&simulator, "fail-rest 1000 502");
            let id = open(&simulator).remove(0);
            if let Some(end) = end {
                execute(&simulator, &format!("{end} {id}"));
            }
            sleep(SECOND).await;
            let Some(Resolution::Placed(found)) = immediate(&mut unknown, &account).await else {
                panic!("{end:?} {order:?}")
            };
            assert_eq!((&found.id, found.is_final()), (&id, end.is_some()));
            let Resolution::Placed(again) = unknown.resolve().await else { panic!("not found again") };
            assert_eq!(again.id, id);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_is_found_when_the_streams_are_connected_again() {
    // The search of the lists ends before with 401, and after a minute with 502.
    for fault in ["502", "401"] {
        let (simulator, client, account) = exchange_and_account().await;
        execute(&simulator, "refuse 4 502");
        execute(&simulator, "disconnect");
        let mut unknown = unknown(&simulator, &client, &order(), "lose").await;
        execute(&simulator, &format!("fail-rest 1000 {fault}"));
        execute(&simulator, &format!("fill {}", open(&simulator)[0]));
        let start = Instant::now();
        let Resolution::Placed(found) = unknown.resolve_with(&account).await else { panic!("{fault}") };
        assert!(found.is_filled());
        assert!(start.elapsed() < Duration::from_secs(30), "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn orders_of_other_placements_and_programs_are_not_mistaken_on_the_streams() {
    let (simulator, client, account) = exchange_and_account().await;
    execute(&simulator, "place - buy btc_twd 0.002 at 1000000");
    execute(&simulator, "place - buy btc_twd 0.001 at 1000000 client 5");
    let first = accepted(&client, &order()).await;
    let mut refused = unknown(&simulator, &client, &order(), "502").await;
    let mut lost = unknown(&simulator, &client, &order(), "lose").await;
    let ids = open(&simulator);
    sleep(SECOND).await;
    // A second connection repeats all orders, so another subscription has the same state.
    let other = client.subscribe(&[PrivateStream::ActiveOrders]);
    other.ready().await.unwrap();
    execute(&simulator, "fail-rest 1000 502");
    let Some(Resolution::Placed(found)) = immediate(&mut lost, &account).await else { panic!("not found") };
    assert!(found.id != first && ids.contains(&found.id));
    let start = Instant::now();
    for account in [&account, &other] {
        let Resolution::Unknown(reason) = refused.resolve_with(account).await else { panic!("mistaken") };
        assert!(matches!(reason, Unresolved::Failed(_)), "{reason}");
    }
    assert!(start.elapsed() >= Duration::from_secs(55));
}

#[tokio::test(start_paused = true)]
async fn an_order_in_the_history_from_before_the_call_is_another_one() {
    let (simulator, client) = exchange();
    execute(&simulator, "place a buy btc_twd 0.001 at 1000000");
    execute(&simulator, "cancel a");
    sleep(Duration::from_secs(120)).await;
    let account = client.account();
    account.ready().await.unwrap();
    let mut refused = unknown(&simulator, &client, &order(), "502").await;
    // Without a creation time, the age of an order is unknown.
    execute(&simulator, "place a buy btc_twd 0.002 at 1000000");
    let pushes = simulator.cancel(&open(&simulator)[0]).unwrap();
    let mut event = pushes.iter().find_map(Push::as_history_orders).unwrap().clone();
    event.data = event
        .data
        .iter()
        .cloned()
        .map(|mut closed| {
            (closed.id, closed.original_amount) = (OrderId::new("1"), order().amount());
            closed.created_timestamp = None;
            closed
        })
        .collect();
    let text = serde_json::to_string(&event).unwrap();
    simulator.execute(&Command::text(PrivateStream::HistoryOrders, text)).unwrap();
    sleep(SECOND).await;
    assert!(account.current().closed_orders.unwrap().state().get("1").is_some());
    assert!(matches!(refused.resolve_with(&account).await, Resolution::NotPlaced));
}

#[tokio::test(start_paused = true)]
async fn two_equal_orders_on_the_streams_do_not_end_the_search() {
    let (simulator, client, account) = exchange_and_account().await;
    let mut unclear = unknown(&simulator, &client, &order(), "lose").await;
    execute(&simulator, "place - buy btc_twd 0.001 at 1000000");
    sleep(SECOND).await;
    let start = Instant::now();
    let Resolution::Unknown(Unresolved::Ambiguous(orders)) = unclear.resolve_with(&account).await else {
        panic!()
    };
    assert_eq!(orders.len(), 2);
    assert!(start.elapsed() < SECOND);
}

#[tokio::test(start_paused = true)]
async fn an_equal_order_in_flight_delays_the_search_on_the_streams() {
    let (simulator, client, account) = exchange_and_account().await;
    let mut refused = unknown(&simulator, &client, &order(), "502").await;
    execute(&simulator, "fail-rest 1 delay 5000");
    let placing = tokio::spawn({
        let client = client.clone();
        async move { accepted(&client, &order()).await }
    });
    sleep(SECOND).await;
    assert_eq!(open(&simulator).len(), 1);
    assert!(immediate(&mut refused, &account).await.is_none());
    let in_flight = placing.await.unwrap();
    assert!(immediate(&mut refused, &account).await.is_none());

    // No message follows the end of the second placement.
    let mut lost = unknown(&simulator, &client, &order(), "lose").await;
    execute(&simulator, "fail-rest 1 delay 5000");
    let placing = tokio::spawn(async move { accepted(&client, &order()).await });
    sleep(SECOND).await;
    execute(&simulator, "fail-rest 1000 502");
    let start = Instant::now();
    let Resolution::Placed(found) = lost.resolve_with(&account).await else { panic!("not found") };
    assert!(![in_flight, placing.await.unwrap()].contains(&found.id));
    assert!(start.elapsed() >= 3 * SECOND && start.elapsed() <= 6 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn the_lists_prove_that_an_order_was_not_placed_and_streams_do_not() {
    let (simulator, client, account) = exchange_and_account().await;
    let start = Instant::now();
    let mut refused = unknown(&simulator, &client, &order(), "502").await;
    assert!(matches!(refused.resolve_with(&account).await, Resolution::NotPlaced));
    assert_eq!(start.elapsed(), Duration::from_secs(60));

    // After the end of the streams, only the lists are left.
    account.request_close();
    sleep(3 * SECOND).await;
    let market = PlaceOrder::market_buy_for_quote("btc_twd", Decimal::from(1_000));
    let mut lost = unknown(&simulator, &client, &market, "lose").await;
    assert!(matches!(lost.resolve_with(&account).await, Resolution::Placed(_)));
    let mut refused = unknown(&simulator, &client, &order(), "502").await;
    execute(&simulator, "fail-rest 1000 502");
    let Resolution::Unknown(reason) = refused.resolve_with(&account).await else { panic!() };
    assert!(matches!(reason, Unresolved::Failed(_)), "{reason}");
}
