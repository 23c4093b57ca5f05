//! Snapshots of large accounts, each in a single frame over a real socket.

use bitopro_client::model::{Event, EventData};
use bitopro_client::transport::contract::{LoopbackServer, RigPeer};
use bitopro_client::transport::{ErrorKind as TransportErrorKind, Frame, Limits, TungsteniteConnector};
use bitopro_client::{Client, ClientBuilder, Credentials, Error, ErrorKind, Item, Subscription, Topic};

use super::sockets::rig::{connection_error, transport_error};
use crate::samples::{active, balances, order, text};

const MIB: usize = 1 << 20;
const COUNT: usize = 10_000;

/// Returns the text of a message, padded to about 9 MiB by an unknown field in each member.
fn padded<D: EventData>(event: &Event<D>, last_field: &str) -> String {
    let text = text(event);
    let padding = "x".repeat((9 * MIB - text.len()) / COUNT);
    text.replace(&format!("{last_field}}}"), &format!(r#"{last_field},"new":"{padding}"}}"#))
}

fn many_balances() -> String {
    let currencies: Vec<String> = (0..COUNT).map(|number| format!("C{number}")).collect();
    let amounts: Vec<_> = currencies.iter().map(|currency| (currency.as_str(), "7.10")).collect();
    padded(&balances(1, &amounts), r#""tradable":true"#)
}

fn many_orders() -> String {
    padded(&active((0..COUNT).map(|number| order(number, 0, 0, 1))), r#""timeInForce":"GTC""#)
}

/// Returns a connected subscription with these settings, and the server's end of its connection.
async fn connected<D: EventData + Topic<Item = Item<Event<D>>>>(
    subscribe: impl Fn(&Client) -> Subscription<D>,
    configure: impl Fn(ClientBuilder) -> ClientBuilder,
) -> (Subscription<D>, Box<dyn RigPeer>) {
    let mut server = LoopbackServer::start().await.unwrap();
    let credentials = Credentials::new("key", "secret", "me@example.com").unwrap();
    let builder = Client::builder(credentials).with_endpoint(server.url());
    let mut subscription = subscribe(&configure(builder).build().unwrap());
    let peer = server.next_dial().await.accept().await;
    assert!(matches!(subscription.next().await, Some(Item::Connected(_))));
    (subscription, peer)
}

async fn assert_arrives_whole<D: EventData + Topic<Item = Item<Event<D>>>>(
    message: String,
    subscribe: impl Fn(&Client) -> Subscription<D>,
) {
    assert!((8 * MIB..10 * MIB).contains(&message.len()), "{} bytes", message.len());
    let (mut subscription, mut peer) = connected(subscribe, |builder| builder).await;
    let ((), item) = tokio::join!(peer.send(Frame::text(message.as_str())), subscription.next());
    let Some(Item::Snapshot(event)) = item else { panic!("no snapshot") };
    assert!(serde_json::to_string(&event).unwrap() == message, "the message has changed");
}

#[tokio::test]
async fn fault_55_a_snapshot_of_10_000_orders_arrives_whole_in_one_frame() {
    assert_arrives_whole(many_orders(), Client::active_orders).await;
}

#[tokio::test]
async fn fault_55_a_snapshot_of_10_000_currencies_arrives_whole_in_one_frame() {
    assert_arrives_whole(many_balances(), Client::balances).await;
}

/// Returns the error of a connection with these settings that receives a message of this length.
async fn error_of_message(bytes: usize, configure: impl Fn(ClientBuilder) -> ClientBuilder) -> Error {
    let (mut balances, mut peer) = connected(Client::balances, configure).await;
    let message = Frame::text(" ".repeat(bytes));
    let ((), error) = tokio::join!(peer.send(message), connection_error(&mut balances));
    error
}

#[tokio::test]
async fn fault_55_beyond_the_limit_a_typed_error_names_the_limit_and_its_option() {
    for (bytes, limit) in [(17 * MIB, None), (101, Some(100))] {
        let configure = |builder: ClientBuilder| match limit {
            Some(limit) => {
                let limits = Limits::default().with_message_bytes(limit);
                builder.with_connector(TungsteniteConnector::new().with_limits(limits))
            }
            None => builder,
        };
        let error = error_of_message(bytes, configure).await;
        assert_eq!(
            (error.kind(), transport_error(&error).kind()),
            (ErrorKind::Protocol, TransportErrorKind::TooLarge)
        );
        let limit = limit.unwrap_or(16 * MIB);
        let expected = format!(
            "a message of {bytes} bytes exceeds the limit of {limit} bytes; raise it with `Limits::message_bytes`"
        );
        assert_eq!(transport_error(&error).to_string(), expected);
    }
}
