//! Additions that the exchange makes without notice: each stream delivers them unchanged, and its state stays
//! correct.

use bitopro_client::model::{Event, EventData, OrderStatus, OrderType};
use bitopro_client::transport::Frame;
use bitopro_client::transport::memory::{MemoryServer, Peer};
use bitopro_client::{Client, Current, Item, Subscription, Topic};

use crate::network::network;
use crate::samples;

/// A subscription and the server's end of its connection.
struct ConnectedStream<D: Topic> {
    stream: Subscription<D>,
    peer: Peer,
    _server: MemoryServer,
}

impl<D, S> ConnectedStream<D>
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

    /// Sends an event with this `data` and returns it as received. Asserts that it is written back unchanged,
    /// except for these rewrites.
    async fn event(&mut self, data: &str, rewrites: &[(&str, &str)]) -> Event<D> {
        let text = format!(r#"{{"event":"{}","timestamp":5,"data":{data}}}"#, D::STREAM.event());
        self.peer.send(Frame::text(text.as_str())).await.unwrap();
        let event = match self.stream.next().await {
            Some(Item::Snapshot(event) | Item::Update(event)) => event,
            other => panic!("{text}: {}", other.map_or("nothing", |item| super::exchange::name(&item))),
        };
        let written = rewrites.iter().fold(text, |text, (sent, written)| replace_once(&text, sent, written));
        assert_eq!(serde_json::to_string(&event).unwrap(), written);
        event
    }

    /// Asserts that an unknown event is delivered verbatim and does not change the state.
    async fn assert_delivers_unknown_events(&mut self) {
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

/// Replaces the only occurrence of a part of a text.
fn replace_once(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from} in {text}");
    text.replace(from, to)
}

fn order(changes: &[(&str, &str)]) -> String {
    let order = serde_json::to_string(&samples::order(7, 0, 0, 1)).unwrap();
    changes.iter().fold(order, |order, (from, to)| replace_once(&order, from, to))
}

#[tokio::test(start_paused = true)]
async fn fault_31_open_orders_keep_unknown_values_and_fields() {
    let mut connected = ConnectedStream::open(Client::active_orders).await;
    let with_status_7 = order(&[(r#""status":0"#, r#""status":7"#)]);
    let with_unknown_values = order(&[
        (r#""id":"7""#, r#""id":"8""#),
        (r#""action":"SELL""#, r#""action":"SWAP""#),
        (r#""type":"LIMIT""#, r#""type":"ICEBERG""#),
        (
            r#""timeInForce":"GTC"}"#,
            r#""timeInForce":"FOK","stopPrice":"1.10","condition":"==","parts":[1.10,null]}"#,
        ),
    ]);
    connected
        .event(&format!(r#"{{"sol_usdt":[{with_status_7},{with_unknown_values}],"new_pair":[]}}"#), &[])
        .await;
    let current = connected.stream.current().unwrap();
    assert!(!current.is_stale());
    assert_eq!(
        (current.state().len(), current.state().get("7").unwrap().status),
        (2, OrderStatus::Unknown(7))
    );
    let iceberg = current.state().get("8").unwrap();
    assert_eq!(iceberg.order_type, OrderType::Unknown("ICEBERG".into()));
    assert_eq!(iceberg.extra.get("parts"), Some("[1.10,null]"));
    connected.assert_delivers_unknown_events().await;

    // The same order, with a number as its id.
    let partly_filled = order(&[
        (r#""id":"7""#, r#""id":7"#),
        (r#""updatedTimestamp":1"#, r#""updatedTimestamp":2"#),
        (r#""status":0"#, r#""status":1"#),
        (r#""executedAmount":"0""#, r#""executedAmount":"0.01""#),
    ]);
    let with_numeric_id = [(r#""id":7"#, r#""id":"7""#)];
    connected.event(&format!(r#"{{"sol_usdt":[{partly_filled}]}}"#), &with_numeric_id).await;
    let current = connected.stream.current().unwrap();
    assert_eq!(
        (current.state().len(), current.state().get("7").unwrap().executed_amount.to_string().as_str()),
        (2, "0.01")
    );

    let completed = replace_once(&partly_filled, r#""status":1"#, r#""status":2"#);
    connected.event(&format!(r#"{{"sol_usdt":[{completed}]}}"#), &with_numeric_id).await;
    let current = connected.stream.current().unwrap();
    assert!(current.state().get("7").is_none() && current.state().len() == 1 && !current.is_stale());
}

#[tokio::test(start_paused = true)]
async fn fault_31_the_history_keeps_unknown_values_and_fields() {
    let mut connected = ConnectedStream::open(Client::history_orders).await;
    let with_status_7 = order(&[(r#""status":0"#, r#""status":7,"reason":"self-trade""#)]);
    let rewrites = [
        (r#""status":7,"reason":"self-trade","#, r#""status":7,"#),
        (r#""GTC"}"#, r#""GTC","reason":"self-trade"}"#),
    ];
    connected.event(&format!(r#"{{"sol_usdt":[{with_status_7}]}}"#), &rewrites).await;
    connected.assert_delivers_unknown_events().await;
    let with_numeric_id = order(&[(r#""id":"7""#, r#""id":7"#), (r#""status":0"#, r#""status":4"#)]);
    connected.event(&format!(r#"{{"sol_usdt":[{with_numeric_id}]}}"#), &[(r#""id":7"#, r#""id":"7""#)]).await;
    let current = connected.stream.current().unwrap();
    assert_eq!(
        (current.state().len(), current.state().get("7").unwrap().status),
        (1, OrderStatus::Cancelled)
    );
    assert!(!current.is_stale());
}

#[tokio::test(start_paused = true)]
async fn fault_31_balances_keep_unknown_fields() {
    let mut connected = ConnectedStream::open(Client::balances).await;
    let btc = r#"{"BTC":{"currency":"BTC","amount":"1.10","available":"0","stake":"0","tradable":true,"locked":0.10}}"#;
    connected.event(&format!(r#"{btc},"sequence":12345678901234567890.10"#), &[]).await;
    connected.assert_delivers_unknown_events().await;
    let eth = r#"{"ETH":{"currency":"ETH","amount":"2","available":"0","stake":"0","tradable":"false","locked":null}}"#;
    connected.event(eth, &[(r#""false""#, "false")]).await;
    let current = connected.stream.current().unwrap();
    assert_eq!((current.state().len(), current.is_stale()), (2, false));
    assert_eq!(current.state().get("BTC").unwrap().extra.get("locked"), Some("0.10"));
    let eth = current.state().get("ETH").unwrap();
    assert_eq!((eth.tradable, eth.extra.get("locked")), (Some(false), Some("null")));
}

#[tokio::test(start_paused = true)]
async fn fault_31_trades_keep_unknown_values_and_fields() {
    let mut connected = ConnectedStream::open(Client::user_trades).await;
    let trade = serde_json::to_string(&samples::trade(7, "m")).unwrap();
    let with_unknown_values = replace_once(&trade, r#""side":"ask""#, r#""side":"rfq""#);
    connected
        .event(
            &replace_once(&with_unknown_values, r#""isMaker":true"#, r#""isMaker":true,"rebate":0.10"#),
            &[],
        )
        .await;
    connected.assert_delivers_unknown_events().await;
    let with_numeric_id = replace_once(&with_unknown_values, r#""orderID":"7""#, r#""orderID":7"#);
    let another = replace_once(&with_numeric_id, r#""matchID":"m""#, r#""matchID":"n""#);
    connected.event(&another, &[(r#""orderID":7"#, r#""orderID":"7""#)]).await;
    let current = connected.stream.current().unwrap();
    assert_eq!(
        (current.state().of_order("7").count(), current.state().len(), current.is_stale()),
        (2, 2, false)
    );
    // A repeated trade counts once, whether its order id is a number or a string.
    connected.event(&with_numeric_id, &[(r#""orderID":7"#, r#""orderID":"7""#)]).await;
    assert_eq!(connected.stream.current().unwrap().state().len(), 2);
}
