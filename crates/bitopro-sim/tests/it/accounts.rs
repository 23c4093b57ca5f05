//! Several accounts in one simulator.

use std::time::Duration;

use bitopro_auth::Signer;
use bitopro_model::{Action, Balance, Decimal, PrivateStream};
use bitopro_sim::{Command, CommandError, NewOrder, SimCredentials, Simulator, SimulatorBuilder};
use bitopro_transport::{Connection, Frame};
use futures_util::{FutureExt, StreamExt};
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::harness::{Harness, in_memory, next_text, until_disconnected};

fn builder() -> SimulatorBuilder {
    let balances = [Balance::new("BITO", Decimal::TEN), Balance::new("TWD", Decimal::ONE_THOUSAND)];
    Simulator::builder().with_account("alice", alice(), balances)
}

fn alice() -> SimCredentials {
    SimCredentials::new("alice-key", "alice-secret", "alice@example.com")
}

/// Connects to the streams of balances and trades with these credentials.
async fn connect(harness: &Harness, credentials: &SimCredentials) -> [Box<dyn Connection>; 2] {
    let signer = Signer::new(credentials.to_credentials().unwrap());
    let before = harness.simulator.connections();
    let mut connections = Vec::new();
    for stream in [PrivateStream::AccountBalance, PrivateStream::UserTrades] {
        let signed = signer.sign_identity(harness.now_ms());
        connections.push(harness.dial_path(stream.path(), signed.iter()).await.unwrap());
    }
    next_text(&mut connections[0]).await;
    while harness.simulator.connections() < before + 2 {
        yield_now().await;
    }
    connections.try_into().unwrap_or_else(|_| unreachable!("two connections"))
}

#[tokio::test(start_paused = true)]
async fn an_account_only_receives_its_own_messages_even_if_accounts_trade_with_each_other() {
    let harness = in_memory(builder());
    let simulator = &harness.simulator;
    let mut demo_connections = connect(&harness, simulator.credentials()).await;
    let mut alice_connections = connect(&harness, &alice()).await;
    let alice = simulator.account("alice").unwrap();

    simulator.set_balance(Balance::new("SOL", Decimal::ONE)).unwrap();
    let sell = NewOrder::limit("bito_twd", Action::Sell, Decimal::TEN, Decimal::TWO);
    let sold = alice.place(&sell).unwrap();
    let bought = simulator.place(&NewOrder::market("bito_twd", Action::Buy, Decimal::from(8))).unwrap();

    let texts = |connection: &mut Box<dyn Connection>| {
        let texts: Vec<String> = std::iter::from_fn(|| match connection.next().now_or_never() {
            Some(Some(Ok(Frame::Text(text)))) => Some(text.as_str().to_owned()),
            _ => None,
        })
        .collect();
        texts
    };
    let first = next_text(&mut demo_connections[1]).await;
    assert!(first.contains(bought.as_str()) && first.contains(r#""isMaker":false"#), "{first}");
    let first = next_text(&mut alice_connections[1]).await;
    assert!(first.contains(sold.as_str()) && first.contains(r#""isMaker":true"#), "{first}");
    // The clock only moves once all messages have arrived.
    sleep(Duration::from_millis(1)).await;
    assert!(texts(&mut demo_connections[0]).iter().any(|text| text.contains("SOL")));
    let balances = texts(&mut alice_connections[0]);
    assert_eq!(balances.len(), 2, "{balances:?}");
    assert!(balances.iter().all(|text| !text.contains("SOL")));
    assert_eq!(texts(&mut alice_connections[1]), Vec::<String>::new());
    assert_eq!(alice.read(|account| account.balances()[&"TWD".into()].amount), Decimal::new(1_007_992, 3));
    assert!(simulator.sent().iter().any(|sent| sent.account == Some(alice.id())));
}

#[tokio::test]
async fn commands_are_addressed_to_an_account_by_its_name() {
    let harness = in_memory(builder());
    let simulator = &harness.simulator;
    let [mut demo_balances, _demo_trades] = connect(&harness, simulator.credentials()).await;
    let [mut alice_balances, mut alice_trades] = connect(&harness, &alice()).await;
    let execute = |text: &str| simulator.execute(&text.parse().unwrap());

    execute("as alice deposit SOL 7").unwrap();
    assert!(next_text(&mut alice_balances).await.contains("SOL"));
    // Names of orders belong to the account that has given them.
    execute("as alice place a sell bito_twd 1 at 30").unwrap();
    assert_eq!(execute("cancel a"), Err(CommandError::NotOpen("a".into())));
    execute("as alice fill a 0.5").unwrap();
    execute("as alice cancel a").unwrap();
    let alice = simulator.account("alice").unwrap();
    assert_eq!(alice.read(|account| account.closed_orders().count()), 1);
    alice.execute(Command::Deposit { currency: "BTC".into(), amount: Decimal::ONE }).unwrap();
    assert_eq!(alice.credentials(), &self::alice());

    execute("as demo text hello").unwrap();
    assert_eq!(next_text(&mut demo_balances).await, "hello");
    execute("as alice disconnect user-trades").unwrap();
    until_disconnected(&mut alice_trades).await;
    execute("as alice text bye").unwrap();
    while next_text(&mut alice_balances).await != "bye" {}
    assert_eq!(simulator.connections(), 3);

    let unknown = CommandError::UnknownAccount("bob".to_owned());
    assert_eq!(execute("as bob cancel a"), Err(unknown.clone()));
    assert_eq!(execute("as bob disconnect"), Err(unknown));
    let tick = Command::Tick(1).for_account("alice");
    assert_eq!(simulator.execute(&tick), Err(CommandError::NotOfAnAccount("tick 1".to_owned())));
}

#[tokio::test]
async fn a_named_account_starts_with_the_balances_of_the_first_one() {
    let builder = Simulator::builder().with_named_account("alice");
    let simulator = builder.with_balances([Balance::new("BITO", Decimal::TEN)]).start_in_memory().unwrap();
    let accounts = simulator.accounts();
    let names = accounts.iter().map(|account| account.read(|account| account.name().to_owned()));
    assert_eq!(names.collect::<Vec<_>>(), ["demo", "alice"]);
    assert_eq!(accounts[1].read(|account| account.balances().clone()), simulator.balances());
    assert_eq!(accounts[1].credentials(), &SimCredentials::named("alice"));
}

#[test]
fn invalid_accounts_are_all_reported() {
    let unavailable = || {
        let mut balance = Balance::new("BTC", Decimal::ONE);
        balance.available = Decimal::TWO;
        [balance]
    };
    let builder = builder().with_account("alice", SimCredentials::demo(), []).with_account(
        "two words",
        SimCredentials::new("", "secret", "bob@example.com"),
        unavailable(),
    );
    let builder = builder.with_rank("alice", 7).with_rank("bob", 6);
    let error = builder.build_exchange(bitopro_model::Timestamp::from_millis(0)).unwrap_err().to_string();
    for expected in [
        "duplicate account name `alice`",
        "duplicate API key of account `alice`",
        "account name `two words` is not a single word",
        "available amount 2 of `BTC`",
        "rank 7 of account `alice` is not from 0 to 6",
        "unknown account `bob` with rank 6",
    ] {
        assert!(error.contains(expected), "{error}");
    }
}
