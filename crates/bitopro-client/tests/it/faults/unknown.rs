//! What the exchange adds without notice: each stream carries it whole, and its state is none the worse.

use bitopro_client::model::{Event, EventData, OrderStatus, OrderType};
use bitopro_client::transport::Frame;
use bitopro_client::transport::memory::{MemoryServer, Peer};
use bitopro_client::{Client, Current, Item, Subscription, Topic};

use crate::network::network;
use crate::samples;

/// A subscription and the server's end of its connection.
struct StreamLine<D: Topic> {
    stream: Subscription<D>,
    peer: Peer,
    _server: MemoryServer,
}

impl<D, S> StreamLine<D>
where
    D: EventData + Topic<Item = Item<Event<D>>, Current = Option<Current<S>>>,
{
    async fn open(subscribe: fn(&Client) -> Subscription<D>) -> Self {
        let (builder, mut server) = network();
        let mut stream = subscribe(&builder.build().unwrap());
        let peer = server.next_dial().await.unwrap().accept();
        assert!(matches!(stream.next().await, Some(Item::Connected(_))));
        Self { stream, peer, _server: server }
    }

    /// The event of this `data`, which is written back as it came but for what is said to be written otherwise.
    async fn event(&mut self, data: &str, otherwise: &[(&str, &str)]) -> Event<D> {
        let text = format!(r#"{{"event":"{}","timestamp":5,"data":{data}}}"#, D::STREAM.event());
        self.peer.send(Frame::text(text.as_str())).await.unwrap();
        let event = match self.stream.next().await {
            Some(Item::Snapshot(event) | Item::Update(event)) => event,
            other => panic!("{text}: {}", other.map_or("nothing", |item| super::exchange::name(&item))),
        };
        let written = otherwise.iter().fold(text, |text, (came, written)| changed(&text, came, written));
        assert_eq!(serde_json::to_string(&event).unwrap(), written);
        event
    }

    /// An event that is not known is an item, whole, and changes nothing.
    async fn assert_carries_unknown_events(&mut self) {
        let before = self.stream.current().unwrap();
        for text in [
            r#"{"event":"NEWS","timestamp":99,"data":[1.10,{"null":null}], "new": "台"}"#,
            r#"{"data":{"BTC":null},"event":"ACCOUNT_BALANCE_2"}"#,
        ] {
            self.peer.send(Frame::text(text)).await.unwrap();
            let Some(Item::Unknown(unknown)) = self.stream.next().await else { panic!("{text}") };
            assert_eq!(unknown.raw(), text);
            assert_eq!(serde_json::to_string(&unknown).unwrap(), text);
            let after = self.stream.current().unwrap();
            assert_eq!((after.as_of(), after.is_stale()), (before.as_of(), false));
        }
    }
}

/// A text in which one place is different.
fn changed(text: &str, place: &str, instead: &str) -> String {
    assert_eq!(text.matches(place).count(), 1, "{place} in {text}");
    text.replace(place, instead)
}

fn order(changes: &[(&str, &str)]) -> String {
    let order = serde_json::to_string(&samples::order(7, 0, 0, 1)).unwrap();
    changes.iter().fold(order, |order, (place, instead)| changed(&order, place, instead))
}

#[tokio::test(start_paused = true)]
async fn fault_31_open_orders_carry_what_is_new() {
    let mut line = StreamLine::open(Client::active_orders).await;
    let of_status_7 = order(&[(r#""status":0"#, r#""status":7"#)]);
    let in_new_words = order(&[
        (r#""id":"7""#, r#""id":"8""#),
        (r#""action":"SELL""#, r#""action":"SWAP""#),
        (r#""type":"LIMIT""#, r#""type":"ICEBERG""#),
        (
            r#""timeInForce":"GTC"}"#,
            r#""timeInForce":"FOK","stopPrice":"1.10","condition":"==","parts":[1.10,null]}"#,
        ),
    ]);
    line.event(&format!(r#"{{"sol_usdt":[{of_status_7},{in_new_words}],"new_pair":[]}}"#), &[]).await;
    let current = line.stream.current().unwrap();
    assert!(!current.is_stale());
    assert_eq!(
        (current.state().len(), current.state().get("7").unwrap().status),
        (2, OrderStatus::Unknown(7))
    );
    let iceberg = current.state().get("8").unwrap();
    assert_eq!(iceberg.order_type, OrderType::Unknown("ICEBERG".into()));
    assert_eq!(iceberg.extra.get("parts"), Some("[1.10,null]"));
    line.assert_carries_unknown_events().await;

    // The same order, though its id is a number now.
    let filled_in_part = order(&[
        (r#""id":"7""#, r#""id":7"#),
        (r#""updatedTimestamp":1"#, r#""updatedTimestamp":2"#),
        (r#""status":0"#, r#""status":1"#),
        (r#""executedAmount":"0""#, r#""executedAmount":"0.01""#),
    ]);
    let by_number = [(r#""id":7"#, r#""id":"7""#)];
    line.event(&format!(r#"{{"sol_usdt":[{filled_in_part}]}}"#), &by_number).await;
    let current = line.stream.current().unwrap();
    assert_eq!(
        (current.state().len(), current.state().get("7").unwrap().executed_amount.to_string().as_str()),
        (2, "0.01")
    );

    let completed = changed(&filled_in_part, r#""status":1"#, r#""status":2"#);
    line.event(&format!(r#"{{"sol_usdt":[{completed}]}}"#), &by_number).await;
    let current = line.stream.current().unwrap();
    assert!(current.state().get("7").is_none() && current.state().len() == 1 && !current.is_stale());
}

#[tokio::test(start_paused = true)]
async fn fault_31_history_carries_what_is_new() {
    let mut line = StreamLine::open(Client::history_orders).await;
    let of_status_7 = order(&[(r#""status":0"#, r#""status":7,"reason":"self-trade""#)]);
    let otherwise = [
        (r#""status":7,"reason":"self-trade","#, r#""status":7,"#),
        (r#""GTC"}"#, r#""GTC","reason":"self-trade"}"#),
    ];
    line.event(&format!(r#"{{"sol_usdt":[{of_status_7}]}}"#), &otherwise).await;
    line.assert_carries_unknown_events().await;
    let by_number = order(&[(r#""id":"7""#, r#""id":7"#), (r#""status":0"#, r#""status":4"#)]);
    line.event(&format!(r#"{{"sol_usdt":[{by_number}]}}"#), &[(r#""id":7"#, r#""id":"7""#)]).await;
    let current = line.stream.current().unwrap();
    assert_eq!(
        (current.state().len(), current.state().get("7").unwrap().status),
        (1, OrderStatus::Cancelled)
    );
    assert!(!current.is_stale());
}

#[tokio::test(start_paused = true)]
async fn fault_31_balances_carry_what_is_new() {
    let mut line = StreamLine::open(Client::balances).await;
    let btc = r#"{"BTC":{"currency":"BTC","amount":"1.10","available":"0","stake":"0","tradable":true,"locked":0.10}}"#;
    line.event(&format!(r#"{btc},"sequence":12345678901234567890.10"#), &[]).await;
    line.assert_carries_unknown_events().await;
    let eth = r#"{"ETH":{"currency":"ETH","amount":"2","available":"0","stake":"0","tradable":"false","locked":null}}"#;
    line.event(eth, &[(r#""false""#, "false")]).await;
    let current = line.stream.current().unwrap();
    assert_eq!((current.state().len(), current.is_stale()), (2, false));
    assert_eq!(current.state().get("BTC").unwrap().extra.get("locked"), Some("0.10"));
    let eth = current.state().get("ETH").unwrap();
    assert_eq!((eth.tradable, eth.extra.get("locked")), (Some(false), Some("null")));
}

#[tokio::test(start_paused = true)]
async fn fault_31_trades_carry_what_is_new() {
    let mut line = StreamLine::open(Client::user_trades).await;
    let trade = serde_json::to_string(&samples::trade(7, "m")).unwrap();
    let in_new_words = changed(&trade, r#""side":"ask""#, r#""side":"rfq""#);
    line.event(&changed(&in_new_words, r#""isMaker":true"#, r#""isMaker":true,"rebate":0.10"#), &[]).await;
    line.assert_carries_unknown_events().await;
    let by_number = changed(&in_new_words, r#""orderID":"7""#, r#""orderID":7"#);
    let another = changed(&by_number, r#""matchID":"m""#, r#""matchID":"n""#);
    line.event(&another, &[(r#""orderID":7"#, r#""orderID":"7""#)]).await;
    let current = line.stream.current().unwrap();
    assert_eq!(
        (current.state().of_order("7").count(), current.state().len(), current.is_stale()),
        (2, 2, false)
    );
    // What is sent again counts once, in whichever way its id is written.
    line.event(&by_number, &[(r#""orderID":7"#, r#""orderID":"7""#)]).await;
    assert_eq!(line.stream.current().unwrap().state().len(), 2);
}
