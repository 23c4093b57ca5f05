use std::collections::{HashMap, VecDeque};

use bitopro_rest::{Endpoint, Limit, LimitScope};
use tokio::time::Instant;

use crate::AccountId;
use crate::gateway::authentication::Rejection;
use crate::rest::refused::too_many;

/// The calls in the last period of each limit.
///
/// All calls count as calls from one address, since clients of a simulator usually share the machine.
#[derive(Debug, Default)]
pub(crate) struct CallLimits {
    /// The times of the calls, separately for each account if the limit is one per account.
    calls: HashMap<(Limit, Option<AccountId>), VecDeque<Instant>>,
}

impl CallLimits {
    /// Counts a call. The account of a public call does not matter, since only limits per address count it.
    ///
    /// # Errors
    ///
    /// Returns the status 429 if a limit is reached. The call is then not counted: an assumption.
    pub(crate) fn admit(
        &mut self,
        endpoint: Endpoint,
        account: AccountId,
        now: Instant,
    ) -> Result<(), Rejection> {
        let account_of = |limit: Limit| (limit.scope == LimitScope::Account).then_some(account);
        let keys: Vec<_> = endpoint.limits().map(|limit| (limit, account_of(limit))).collect();
        for key @ (limit, _) in &keys {
            let calls = self.calls.entry(*key).or_default();
            while calls.front().is_some_and(|call| now.duration_since(*call) >= limit.period) {
                calls.pop_front();
            }
            if calls.len() >= usize::try_from(limit.count).unwrap_or(usize::MAX) {
                return Err(Rejection::new(too_many(*limit), "too many calls"));
            }
        }
        for key in keys {
            self.calls.entry(key).or_default().push_back(now);
        }
        Ok(())
    }
}
