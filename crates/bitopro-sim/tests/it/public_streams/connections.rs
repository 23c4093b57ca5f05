//! Sockets of public streams next to those of accounts: commands, records, determinism and slow readers.

use std::time::Duration;

use bitopro_model::{OrderBook, PrivateStream, PublicStream, Stream};
use bitopro_sim::{Clock, Command, Simulator};
use bitopro_transport::{Frame, Request, TungsteniteConnector};
use futures_util::StreamExt;
use tokio::io::duplex;
use tokio::time::sleep;

use super::{BOOKS, NOW, TICKERS, TRADES, builder, next, text};
use crate::harness::{in_memory, next_text, until_disconnected};

#[tokio::test(start_paused = true)]
async fn commands_address_the_sockets_of_a_public_stream() {
    let harness = in_memory(builder().with_named_account("alice"));
    let mut account = harness.connect().await;
    let mut books = harness.follow(&format!("{BOOKS}/BTC_TWD,ETH_TWD")).await;
    let mut tickers = harness.follow(&format!("{TICKERS}/BTC_TWD")).await;
    let mut trades = harness.follow(&format!("{TRADES}/BTC_TWD")).await;
    for connection in [&mut books, &mut tickers, &mut trades] {
        text(connection).await;
    }
    text(&mut books).await;
    harness.run(&["wait 4"]);
    let five: Command = "wait 5".parse().unwrap();
    assert!(harness.simulator.execute(&five).is_err());

    // Sockets of public streams belong to no account.
    harness.run(&["as alice disconnect", "text-to tickers {\"event\":\"NEWS\"}", "text all"]);
    assert_eq!(text(&mut tickers).await, "{\"event\":\"NEWS\"}");
    for connection in [&mut account, &mut books, &mut tickers, &mut trades] {
        assert_eq!(text(connection).await, "all");
    }
    harness.run(&["disconnect order-books", "close trades 1012 restart"]);
    assert_eq!(until_disconnected(&mut books).await, []);
    assert_eq!(trades.next().await.unwrap().unwrap(), Frame::close(1012, "restart"));
    sleep(Duration::from_secs(3)).await;
    assert_eq!(harness.simulator.connections(), 2);
    harness.run(&["refuse 1 503"]);
    assert!(harness.dial_path(&format!("{TICKERS}/BTC_TWD"), []).await.is_err());
    assert_eq!(harness.statuses(), [101, 101, 101, 101, 503]);
}

#[tokio::test(start_paused = true)]
async fn sent_messages_name_their_public_stream_and_pair() {
    let harness = in_memory(builder());
    let path = format!("{BOOKS}/BITO_TWD");
    let (mut first, mut second) = (harness.follow(&path).await, harness.follow(&path).await);
    let snapshots = [text(&mut first).await, text(&mut second).await];
    harness.run(&["place - buy bito_twd 1 at 3"]);
    let update: OrderBook = next(&mut first).await;
    assert_eq!(update, next(&mut second).await);
    assert_ne!(snapshots[0], snapshots[1]);
    let sent: Vec<_> = harness.simulator.sent().into_iter().filter(|sent| sent.account.is_none()).collect();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|sent| sent.stream == PublicStream::OrderBooks));
    let last = &sent[2];
    assert_eq!((last.pair.clone(), last.sockets), (Some("bito_twd".into()), 2));
    assert_eq!(last.event_id, update.event_id);
    drop((first, second));
    sleep(Duration::from_secs(1)).await;
    harness.run(&["place - buy bito_twd 1 at 2"]);
    let public = |sent: &bitopro_sim::SentMessage| matches!(sent.stream, Stream::Public(_));
    assert_eq!(harness.simulator.sent().iter().filter(|sent| public(sent)).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn public_sockets_do_not_change_the_messages_of_accounts() {
    let mut runs = Vec::new();
    for follows in [false, true] {
        let builder = Simulator::builder().with_seed(7).with_clock(Clock::following_tokio(NOW));
        let harness = in_memory(builder.with_market_interval(Duration::from_secs(1)));
        let mut public = Vec::new();
        if follows {
            for stream in [BOOKS, TICKERS, TRADES] {
                public.push(harness.follow(&format!("{stream}/BTC_TWD,ETH_TWD")).await);
            }
        }
        let path = PrivateStream::AccountBalance.path();
        let mut connection = harness.dial_path(path, harness.sign().iter()).await.unwrap();
        let mut messages = Vec::new();
        for _ in 0..30 {
            messages.push(next_text(&mut connection).await);
        }
        runs.push(messages);
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_and_times_give_the_same_public_messages() {
    let mut runs = Vec::new();
    for seed in [5, 5, 6] {
        let builder = Simulator::builder().with_seed(seed).with_clock(Clock::following_tokio(NOW));
        let harness = in_memory(builder.with_market_interval(Duration::from_millis(100)));
        let mut connection = harness.follow(&format!("{BOOKS}/BTC_TWD,ETH_TWD")).await;
        let mut messages = Vec::new();
        for _ in 0..30 {
            messages.push(text(&mut connection).await);
        }
        runs.push(messages);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_of_a_public_stream_is_disconnected() {
    let harness = in_memory(builder().with_queue_bytes(20_000));
    let mut slow = harness.follow(&format!("{BOOKS}/BITO_TWD:50")).await;
    let mut other = harness.follow(&format!("{TRADES}/BITO_TWD")).await;
    text(&mut other).await;
    harness.run(&["wait 2"]);
    for order in 1..=100 {
        harness.run(&[&format!("place - buy bito_twd 1 at {order}")]);
    }
    assert!(until_disconnected(&mut slow).await.len() < 100);
    assert_eq!(harness.simulator.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_byte_stream_is_served_a_public_stream() {
    let harness = in_memory(builder());
    let (client_end, server_end) = duplex(64 << 10);
    harness.simulator.serve_connection(server_end);
    let url = format!("ws://localhost/ws{TRADES}?pairs=BTC_TWD,ETH_TWD").parse().unwrap();
    let mut connection =
        TungsteniteConnector::new().connect_over(client_end, Request::new(url)).await.unwrap();
    for pair in ["BTC_TWD", "ETH_TWD"] {
        let Some(Ok(Frame::Text(text))) = connection.next().await else { panic!("no text frame") };
        assert!(text.as_str().contains(pair), "{text:?}");
    }
}
