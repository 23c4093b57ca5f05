//! The steps of the scenario: changes to the account, and ways to end connections.

use bitopro_model::{Action, Balance, Condition, Decimal};
use bitopro_sim::{Command, NewOrder, Simulator};

type Step = (&'static str, fn(&Simulator) -> anyhow::Result<()>);

/// Steps that run in order while connected, and again after each reconnect.
pub(super) const STEPS: [Step; 7] = [
    ("a balance with twenty digits", |simulator| {
        // Alternates between two amounts, so that each call changes the balance.
        let amount = Decimal::from_i128_with_scale(99_999_999_999_999_999_999, 8);
        let lower = amount - Decimal::new(1, 8);
        let is_full =
            simulator.balances().values().any(|held| held.currency == "DOGE" && held.amount == amount);
        simulator.set_balance(Balance::new("DOGE", if is_full { lower } else { amount }));
        Ok(())
    }),
    ("an order filled in two parts", |simulator| {
        let id = simulator.place(&buy(2, 2_500_000).with_client_id(2_147_483_647))?;
        simulator.fill(&id, Decimal::new(5, 3))?;
        simulator.fill_remaining(&id)?;
        Ok(())
    }),
    ("an order filled in part and cancelled", |simulator| {
        let id = simulator.place(&buy(3, 2_400_000))?;
        simulator.fill(&id, Decimal::new(1, 2))?;
        simulator.cancel(&id)?;
        Ok(())
    }),
    ("a post-only order that the market would match", |simulator| {
        let (amount, price) = (Decimal::new(1, 2), Decimal::from(4_000_000));
        simulator.place(&NewOrder::post_only("btc_twd", Action::Buy, amount, price))?;
        Ok(())
    }),
    ("a market order", |simulator| {
        simulator.place(&NewOrder::market("eth_twd", Action::Sell, Decimal::new(25, 2)))?;
        Ok(())
    }),
    ("a stop order that is triggered", |simulator| {
        let (amount, price, stop) = (Decimal::new(1, 1), Decimal::from(60_000), Decimal::from(70_000));
        let condition = Condition::AtOrBelow;
        let order = NewOrder::limit("eth_twd", Action::Sell, amount, price).with_stop(condition, stop);
        let id = simulator.place(&order)?;
        simulator.trigger(&id)?;
        Ok(())
    }),
    ("ten market steps", |simulator| {
        for _ in 0..10 {
            simulator.tick();
        }
        Ok(())
    }),
];

/// Changes the account while no client is connected: places and partly fills an order, cancels another one,
/// removes a currency and changes a balance.
pub(super) fn change_while_disconnected(simulator: &Simulator) -> anyhow::Result<()> {
    let id = simulator.place(&buy(1, 2_300_000))?;
    simulator.fill(&id, Decimal::new(4, 3))?;
    if let Some(other) = simulator.open_orders().iter().find(|order| order.id != id) {
        simulator.cancel(&other.id)?;
    }
    simulator.update_balances(|holdings| {
        holdings.retain(|currency, _| *currency != "BCH");
        if let Some(held) = holdings.values_mut().find(|held| held.currency == "BITO") {
            held.amount += Decimal::ONE;
            held.available += Decimal::ONE;
        }
    });
    Ok(())
}

type ConnectionEnd = (&'static str, fn() -> Command);

/// Commands that end connections.
pub(super) const CONNECTION_ENDS: [ConnectionEnd; 2] = [
    ("without a close frame", || Command::Disconnect(None)),
    ("with a close frame", || Command::close(None, 1001, "compat")),
];

/// Creates an order for some hundredths of a bitcoin. All prices used are far below the market's.
fn buy(hundredths: i64, price: i64) -> NewOrder {
    NewOrder::limit("btc_twd", Action::Buy, Decimal::new(hundredths, 2), Decimal::from(price))
}
