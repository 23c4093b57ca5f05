//! Random orders of three accounts over REST: money is conserved, and the streams, REST and the simulator agree.
#![allow(clippy::print_stdout, reason = "a failing seed shows its quirks")]

mod agreement;
mod ledger;
mod orders;
mod trader;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bitopro_client::RequestLimiter;
use bitopro_client::model::{Balance, Decimal};
use bitopro_sim::{Command, Cursors, Quirks, Simulator};
use fastrand::Rng;
use tokio::time::{sleep, timeout};

use crate::simulated::{order_updates, rounds, simulated_accounts};
use crate::soak::paused_runtime;
use agreement::Listed;
use orders::{ALL_PAIRS, PRIVATE_PAIRS};
use trader::Trader;

/// The names of all accounts.
const ACCOUNTS: [&str; 3] = ["demo", "bob", "carol"];

/// The options that a seed selects.
struct Setting {
    quirks: Quirks,
    /// The pairs to trade. Unless they include pairs with a market price, accounts trade only with each other.
    pairs: &'static [&'static str],
    /// Number of records per page of a list.
    page_size: u32,
}

impl Setting {
    fn draw(random: &mut Rng) -> Self {
        let mut quirks = Quirks::default();
        for quirk in Quirks::ALL {
            let value = random.choice(quirk.values).expect("a quirk has values");
            quirks.set(quirk.name, value.name).unwrap();
        }
        let pairs = if random.u8(..3) == 0 { &PRIVATE_PAIRS[..] } else { &ALL_PAIRS[..] };
        // If the cursor has no effect, only a large page is complete.
        let page_size = if quirks.cursors == Cursors::Ignored { 1_000 } else { random.u32(5..100) };
        Self { quirks, pairs, page_size }
    }

    fn has_market(&self) -> bool {
        self.pairs.len() > PRIVATE_PAIRS.len()
    }
}

/// The numbers of calls, orders and trades of a seed.
#[derive(Debug, Default, Clone, Copy)]
struct Played {
    calls: usize,
    orders: usize,
    trades: usize,
}

/// The same for all accounts.
fn balances() -> [Balance; 6] {
    [("TWD", 3_000_000), ("USDT", 50_000), ("BITO", 20_000), ("ADA", 20_000), ("BTC", 1), ("ETH", 20)]
        .map(|(currency, amount)| Balance::new(currency, Decimal::from(amount)))
}

async fn play(seed: u64) -> Played {
    let mut random = Rng::with_seed(seed);
    let setting = Setting::draw(&mut random);
    println!("seed {seed}: {:?}, pages of {}, {}", setting.pairs, setting.page_size, setting.quirks);
    let builder = Simulator::builder().with_quirks(setting.quirks).with_balances(balances());
    let builder = ACCOUNTS[1..].iter().fold(builder, |builder, name| builder.with_named_account(*name));
    let (simulator, clients) = simulated_accounts(builder, seed);
    let (limiter, start) = (RequestLimiter::new(), simulator.now());
    let mut traders = Vec::new();
    for (name, client) in ACCOUNTS.iter().zip(clients) {
        let client = client.with_order_updates(order_updates(setting.quirks)).with_request_limiter(&limiter);
        traders.push(Trader::new(name, &client.build().unwrap()));
    }
    for trader in &traders {
        timeout(Duration::from_secs(60), trader.streams.ready()).await.unwrap().unwrap();
    }

    for _ in 0..random.usize(20..100) {
        if random.u8(..25) == 0 {
            simulator.execute(&"fail-rest 1 lose".parse::<Command>().unwrap()).unwrap();
        }
        let trader = random.choice(&mut traders).expect("an account");
        trader.make_random_call(&simulator, setting.pairs, &mut random).await;
        ledger::assert_balances_are_valid(&simulator);
        if setting.has_market() && random.u8(..3) == 0 {
            simulator.tick();
            ledger::assert_balances_are_valid(&simulator);
        }
        if random.bool() {
            sleep(Duration::from_millis(random.u64(..3_000))).await;
        }
    }

    // Messages arrive, and REST catches up.
    sleep(Duration::from_secs(5)).await;
    let mut listed = Vec::new();
    for trader in &mut traders {
        trader.assert_orders_are_known(&simulator);
        let records = Listed::read(trader, start, simulator.now(), setting.page_size).await;
        records.assert_matches(trader, &simulator, setting.quirks);
        listed.push(records);
    }
    ledger::assert_money_is_conserved(&listed, setting.has_market());
    let orders = listed.iter().map(|records| records.orders.len()).sum();
    let trades = listed.iter().map(|records| records.trades.len()).sum();
    Played { calls: traders.iter().map(|trader| trader.calls).sum(), orders, trades }
}

/// Plays 12 seeds by default. `BITOPRO_ROUNDS` sets another number.
#[test]
fn money_is_conserved_and_the_streams_and_rest_agree() {
    let (mut failed, mut total) = (Vec::new(), Played::default());
    for seed in 1..=rounds(12) {
        let played = catch_unwind(AssertUnwindSafe(|| paused_runtime().block_on(play(seed))));
        if let Ok(Played { calls, orders, trades }) = played {
            total.calls += calls;
            total.orders += orders;
            total.trades += trades;
        } else {
            println!("FAILED: seed {seed}");
            failed.push(seed);
        }
    }
    println!("{total:?}");
    assert!(failed.is_empty(), "seeds that failed: {failed:?}");
    assert!(total.trades > 0 && total.orders > total.trades / 10, "{total:?}");
}
