//! Trades that are sent again on connect, which the documentation rules out and an exchange may do all the same.

use bitopro_client::model::{Trade, UserTrade};
use bitopro_client::{Item, Subscription};
use bitopro_sim::{Command, Quirks, Simulator, TradesOnConnect};

use crate::network::{frame, network};
use crate::samples::{event, trade, with_id};
use crate::simulated::simulated;

/// Reads to the next trade that is delivered.
async fn next(trades: &mut Subscription<Trade>) -> UserTrade {
    loop {
        if let Item::Update(event) = trades.next().await.unwrap() {
            return event;
        }
    }
}

fn known(trades: &Subscription<Trade>) -> Vec<UserTrade> {
    trades.current().unwrap().state().iter().cloned().collect()
}

#[tokio::test(start_paused = true)]
async fn a_trade_that_comes_again_on_connect_is_delivered_and_stands_once() {
    let builder = Simulator::builder().with_quirks(Quirks::default().with(TradesOnConnect::Last));
    let (simulator, client) = simulated(builder, 7);
    let mut trades = client.build().unwrap().user_trades();
    assert!(matches!(trades.next().await, Some(Item::Connected(_))));
    let traded =
        |simulator: &Simulator| while !simulator.tick().iter().any(|push| push.as_trade().is_some()) {};
    traded(&simulator);
    let first = next(&mut trades).await;
    simulator.execute(&Command::Disconnect(None)).unwrap();
    let again = next(&mut trades).await;
    assert_eq!(again.data, first.data);
    assert_ne!(again.event_id, first.event_id);
    assert_eq!(known(&trades), std::slice::from_ref(&first));
    // And one that was missed is not lost on it.
    simulator.execute(&Command::Disconnect(None)).unwrap();
    traded(&simulator);
    let missed = next(&mut trades).await;
    assert_ne!(missed.data, first.data);
    assert_eq!(known(&trades), [first, missed]);
    assert_eq!(simulator.trades().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn without_a_match_id_only_the_event_id_tells_that_it_is_the_same() {
    let (builder, mut server) = network();
    let mut trades = builder.build().unwrap().user_trades();
    let mut peer = server.next_dial().await.unwrap().accept();
    for (event_id, match_id, known_by_then) in
        [("a", "m", 1), ("a", "m", 1), ("b", "m", 1), ("c", "n", 2), ("d", "", 3), ("d", "", 3), ("e", "", 4)]
    {
        let event = with_id(event_id, event(7, trade(1, match_id)));
        peer.send(frame(&event)).await.unwrap();
        let delivered = next(&mut trades).await;
        assert_eq!(delivered.event_id.as_deref(), Some(event_id));
        assert_eq!(known(&trades).len(), known_by_then, "{event_id} {match_id}");
    }
}
