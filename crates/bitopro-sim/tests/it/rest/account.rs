use bitopro_model::{Action, Balance, Decimal, Timestamp};
use bitopro_rest::{GetBalances, GetDeposits, GetOwnTrades, GetWithdrawals};
use bitopro_sim::{Clock, Command, NewOrder, SimCredentials, Simulator};

use crate::harness::{all_transports, in_memory};

#[tokio::test]
async fn balances_and_trades_equal_the_accounts_own_over_every_transport() {
    for harness in all_transports(Simulator::builder().with_seed(3)).await {
        for _ in 0..20 {
            harness.simulator.tick();
        }
        let balances = harness.call(&GetBalances::new()).await.unwrap();
        let held = harness.simulator.balances();
        assert_eq!(balances.len(), held.len());
        for balance in &balances {
            assert_eq!(balance.currency.as_str(), balance.currency.as_str().to_ascii_lowercase());
            let held = &held[&balance.currency.as_str().to_ascii_uppercase().as_str().into()];
            let expected = (held.amount, held.available, held.stake);
            assert_eq!((balance.amount, balance.available, balance.stake), expected, "{balance:?}");
        }
        let trades = harness.simulator.trades();
        let mut found = 0;
        for pair in ["btc_twd", "eth_twd", "usdt_twd", "sol_twd", "xrp_twd", "btc_usdt", "eth_usdt"] {
            let listed = harness.call(&GetOwnTrades::new(pair)).await.unwrap();
            found += listed.len();
            for trade in &listed {
                let read = trade.to_trade(&pair.into()).unwrap();
                assert!(trades.iter().any(|own| {
                    (&own.order_id, own.price, own.volume, own.fee, own.side.clone(), own.is_maker)
                        == (
                            &read.order_id,
                            read.price,
                            read.volume,
                            read.fee,
                            read.side.clone(),
                            read.is_maker,
                        )
                }));
            }
        }
        assert!(found > 5 && found == trades.len(), "{found} of {}", trades.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_trade_of_an_account_with_itself_has_two_records_with_one_id() {
    let balances = [Balance::new("ADA", Decimal::TEN), Balance::new("BNB", Decimal::ONE_THOUSAND)];
    let harness = in_memory(Simulator::builder().with_balances(balances));
    let (amount, price) = (Decimal::TEN, Decimal::TWO);
    harness.simulator.place(&NewOrder::limit("ada_bnb", Action::Sell, amount, price)).unwrap();
    harness.simulator.place(&NewOrder::limit("ada_bnb", Action::Buy, amount, price)).unwrap();
    // The pair is not in the list of pairs, so REST does not know it.
    assert!(harness.call(&GetOwnTrades::new("ada_bnb")).await.is_err());

    let balances = [Balance::new("BITO", Decimal::TEN), Balance::new("TWD", Decimal::ONE_THOUSAND)];
    let harness = in_memory(Simulator::builder().with_balances(balances));
    harness.simulator.place(&NewOrder::limit("bito_twd", Action::Sell, amount, price)).unwrap();
    harness.simulator.place(&NewOrder::limit("bito_twd", Action::Buy, amount, price)).unwrap();
    let trades = harness.call(&GetOwnTrades::new("bito_twd")).await.unwrap();
    assert_eq!(trades.len(), 2);
    assert_eq!(trades.items[0].trade_id, trades.items[1].trade_id);
    assert_ne!(trades.items[0].order_id, trades.items[1].order_id);
}

#[tokio::test(start_paused = true)]
async fn deposits_and_withdrawals_are_listed_newest_first_and_of_one_account() {
    let bob = SimCredentials::new("bob-key", "bob-secret", "bob@example.com");
    let clock = Clock::fixed(Timestamp::from_millis(1_795_312_800_123));
    let harness = in_memory(Simulator::builder().with_clock(clock).with_account("bob", bob, []));
    for command in
        ["deposit BTC 0.5", "deposit BTC 0.25", "deposit BTC -0.125", "deposit ETH 1", "as bob deposit BTC 9"]
    {
        harness.simulator.execute(&command.parse::<Command>().unwrap()).unwrap();
    }
    let deposits = harness.call(&GetDeposits::new("btc")).await.unwrap();
    let amounts: Vec<_> = deposits.iter().map(|deposit| deposit.amount.to_string()).collect();
    assert_eq!(amounts, ["0.25", "0.5"]);
    assert_eq!(deposits.items[0].timestamp, Some(harness.simulator.now()));
    let withdrawals = harness.call(&GetWithdrawals::new("BTC")).await.unwrap();
    assert_eq!((withdrawals.len(), withdrawals.items[0].amount), (1, Decimal::new(125, 3)));
    let (_, failed) = harness.get("/wallet/depositHistory/btc?statuses=FAILED").await;
    assert_eq!(failed, serde_json::json!({ "data": [] }));
}
