//! Trades that are resent on connect. The documentation rules this out, but the exchange may still do it.

use bitopro_client::model::{Trade, UserTrade};
use bitopro_client::{Item, Subscription};
use bitopro_sim::{Command, MatchIds, Quirks, Simulator, TradesOnConnect};

use crate::network::{frame, network};
use crate::samples::{event, trade, with_id};
use crate::simulated::simulated;

/// Reads items up to the next trade and returns it.
async fn next_trade(trades: &mut Subscription<Trade>) -> UserTrade {
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
async fn a_trade_resent_on_connect_is_delivered_again_but_kept_once() {
    let quirks = Quirks::default().with(TradesOnConnect::Last).with(MatchIds::Uuid);
    let builder = Simulator::builder().with_quirks(quirks);
    let (simulator, client) = simulated(builder, 7);
    let mut trades = client.build().unwrap().user_trades();
    assert!(matches!(trades.next().await, Some(Item::Connected(_))));
    let before = next_trade(&mut trades).await;
    assert_eq!(Some(&before.data), simulator.trades().last());
    let tick_until_trade =
        |simulator: &Simulator| while !simulator.tick().iter().any(|push| push.as_trade().is_some()) {};
    tick_until_trade(&simulator);
    let first = next_trade(&mut trades).await;
    simulator.execute(&Command::Disconnect(None)).unwrap();
    let again = next_trade(&mut trades).await;
    assert_eq!(again.data, first.data);
    assert_ne!(again.event_id, first.event_id);
    assert_eq!(known(&trades), [before.clone(), first.clone()]);
    // A missed trade that is sent on connect is not mistaken for a repeat.
    simulator.execute(&Command::Disconnect(None)).unwrap();
    tick_until_trade(&simulator);
    let missed = next_trade(&mut trades).await;
    assert_ne!(missed.data, first.data);
    assert_eq!(known(&trades), [before, first, missed]);
}

#[tokio::test(start_paused = true)]
async fn without_a_match_id_a_repeat_is_recognised_by_its_event_id() {
    let (builder, mut server) = network();
    let mut trades = builder.build().unwrap().user_trades();
    let mut peer = server.next_dial().await.unwrap().accept();
    for (event_id, match_id, expected_count) in
        [("a", "m", 1), ("a", "m", 1), ("b", "m", 1), ("c", "n", 2), ("d", "", 3), ("d", "", 3), ("e", "", 4)]
    {
        let event = with_id(event_id, event(7, trade(1, match_id)));
        peer.send(frame(&event)).await.unwrap();
        let delivered = next_trade(&mut trades).await;
        assert_eq!(delivered.event_id, Some(event_id.into()));
        assert_eq!(known(&trades).len(), expected_count, "{event_id} {match_id}");
    }
}
