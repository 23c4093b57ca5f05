use std::collections::VecDeque;

use bitopro_model::Timestamp;

use crate::RestLag;
use crate::exchange::account::accounts::Accounts;

/// The earlier states of the accounts that REST still shows, if it lags behind the streams.
#[derive(Debug)]
pub(crate) struct AccountsInRest {
    lag_ms: i64,
    /// The accounts before each of the last changes, and the times of the changes.
    before: VecDeque<(Timestamp, Accounts)>,
}

impl AccountsInRest {
    pub(crate) fn new(lag: RestLag) -> Self {
        let lag_ms = match lag {
            RestLag::Nothing => 0,
            RestLag::TwoSeconds => 2_000,
        };
        Self { lag_ms, before: VecDeque::new() }
    }

    /// Keeps the accounts, which are about to change.
    pub(crate) fn keep(&mut self, now: Timestamp, accounts: &Accounts) {
        // Only the first state at a time can be shown.
        if self.lag_ms == 0 || self.before.back().is_some_and(|(time, _)| *time == now) {
            return;
        }
        // The clock has gone back.
        if self.before.back().is_some_and(|(time, _)| *time > now) {
            self.before.clear();
        }
        let shown = self.shown_time(now);
        while self.before.front().is_some_and(|(time, _)| *time <= shown) {
            self.before.pop_front();
        }
        self.before.push_back((now, accounts.clone()));
    }

    /// Returns the accounts that REST shows at this time, unless they are the current ones.
    pub(crate) fn accounts(&self, now: Timestamp) -> Option<&Accounts> {
        let shown = self.shown_time(now);
        self.before.iter().find(|(time, _)| *time > shown && *time <= now).map(|(_, accounts)| accounts)
    }

    fn shown_time(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.as_millis().saturating_sub(self.lag_ms))
    }
}
