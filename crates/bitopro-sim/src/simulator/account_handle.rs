use bitopro_model::OrderId;

use crate::{Account, AccountId, Command, CommandError, Holdings, NewOrder, Push, SimCredentials, Simulator};

/// One account of a running [`Simulator`].
///
/// # Examples
///
/// ```
/// use bitopro_model::{Action, Balance, Decimal};
/// use bitopro_sim::{NewOrder, SimCredentials, Simulator};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let credentials = SimCredentials::new("alice-key", "alice-secret", "alice@example.com");
/// let simulator = Simulator::builder()
///     .with_account("alice", credentials, [Balance::new("BITO", Decimal::TEN), Balance::new("TWD", Decimal::ZERO)])
///     .start_in_memory()?;
///
/// // The simulated market has no price for this pair, so that the two accounts trade with each other.
/// let alice = simulator.account("alice")?;
/// alice.place(&NewOrder::limit("bito_twd", Action::Sell, Decimal::TEN, Decimal::from(24)))?;
/// simulator.place(&NewOrder::limit("bito_twd", Action::Buy, Decimal::TWO, Decimal::from(25)))?;
/// assert_eq!(alice.read(|account| account.balances()[&"TWD".into()].amount.to_string()), "47.952");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct AccountHandle<'a> {
    simulator: &'a Simulator,
    id: AccountId,
}

impl<'a> AccountHandle<'a> {
    pub(super) fn new(simulator: &'a Simulator, id: AccountId) -> Self {
        Self { simulator, id }
    }

    /// Returns the account's id.
    pub fn id(&self) -> AccountId {
        self.id
    }

    /// Returns the account's credentials.
    pub fn credentials(&self) -> &'a SimCredentials {
        self.simulator.credentials_of(self.id)
    }

    /// Reads the account while it cannot change. The closure must not use the simulator, which would deadlock.
    pub fn read<T>(&self, read: impl FnOnce(&Account) -> T) -> T {
        self.simulator.dispatcher.read(|exchange| read(exchange.account_or_first(self.id)))
    }

    /// Carries out a command addressed to the account, and returns the messages sent about all accounts.
    ///
    /// # Errors
    ///
    /// Returns a [`CommandError`] if the command cannot be carried out or does not act on an account.
    pub fn execute(&self, command: Command) -> Result<Vec<Push>, CommandError> {
        let name = self.read(|account| account.name().to_owned());
        self.simulator.execute(&command.for_account(name))
    }

    /// Places an order, sends the resulting messages, and returns the order's id.
    ///
    /// # Errors
    ///
    /// Returns a [`CommandError`] if the exchange does not accept the order.
    pub fn place(&self, order: &NewOrder) -> Result<OrderId, CommandError> {
        let placed = self.simulator.dispatcher.change(|exchange, now| exchange.place_as(self.id, now, order));
        placed.map(|(id, _)| id)
    }

    /// Changes any number of balances, and sends and returns the resulting messages. The closure must not use the
    /// simulator, which would deadlock.
    pub fn update_balances(&self, change: impl FnOnce(&mut Holdings)) -> Vec<Push> {
        self.simulator.dispatcher.update(|exchange, now| {
            // The account is one of this exchange.
            exchange.update_balances_of(self.id, now, change).unwrap_or_default()
        })
    }
}
