//! The rules of the pairs, which are read once and then kept.

use std::sync::Arc;
use std::time::Duration;

use bitopro_model::Pair;
use bitopro_rest::{GetTradingPairs, List, PlaceOrder, TradingPair};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::debug;

use super::error::{self, OrderError};
use super::rules::{BrokenRule, OrderRule, broken_rules};
use crate::{Rest, RestError};

/// Time after which the rules are read again.
pub(super) const MAX_AGE: Duration = Duration::from_secs(60 * 60);
/// Time after which an order that breaks a rule is checked against new rules.
const MAX_AGE_OF_BROKEN: Duration = Duration::from_secs(60);

/// The trading pairs of the exchange, as it listed them last.
#[derive(Debug, Default)]
pub(super) struct PairCache(Mutex<Option<CachedPairs>>);

#[derive(Debug, Clone)]
struct CachedPairs {
    pairs: Arc<List<TradingPair>>,
    read: Instant,
}

impl PairCache {
    /// Returns the pairs, and reads them from the exchange if they are older than `max_age`.
    ///
    /// Callers that need them at the same time share one call.
    pub(super) async fn read(
        &self,
        rest: &Rest,
        max_age: Duration,
    ) -> Result<Arc<List<TradingPair>>, RestError> {
        let mut cached = self.0.lock().await;
        if let Some(known) = cached.as_ref().filter(|known| known.read.elapsed() < max_age) {
            return Ok(Arc::clone(&known.pairs));
        }
        let pairs = Arc::new(rest.call(&GetTradingPairs::new()).await?);
        *cached = Some(CachedPairs { pairs: Arc::clone(&pairs), read: Instant::now() });
        Ok(pairs)
    }

    /// Returns an error if the order breaks a rule of its pair.
    ///
    /// If the rules cannot be read again, the known ones apply, since the exchange checks the order too.
    pub(super) async fn check(&self, rest: &Rest, order: &PlaceOrder) -> Result<(), OrderError> {
        let pair = order.pair();
        let pairs = self.read_or_known(rest, pair, MAX_AGE).await?;
        if broken_of(order, &pairs).is_empty() {
            return Ok(());
        }
        let pairs = self.read_or_known(rest, pair, MAX_AGE_OF_BROKEN).await?;
        error::broken(pair, &broken_of(order, &pairs)).map_or(Ok(()), Err)
    }

    async fn read_or_known(
        &self,
        rest: &Rest,
        pair: &Pair,
        max_age: Duration,
    ) -> Result<Arc<List<TradingPair>>, OrderError> {
        let error = match self.read(rest, max_age).await {
            Ok(pairs) => return Ok(pairs),
            Err(error) => error,
        };
        match &*self.0.lock().await {
            Some(known) => {
                debug!(age_ms = known.read.elapsed().as_millis(), %error, "old rules of pairs used");
                Ok(Arc::clone(&known.pairs))
            }
            None => Err(error::without_rules(pair, error)),
        }
    }
}

fn broken_of(order: &PlaceOrder, pairs: &List<TradingPair>) -> Vec<BrokenRule> {
    match pairs.iter().find(|listed| listed.pair == *order.pair()) {
        Some(pair) => broken_rules(order, pair),
        None => vec![BrokenRule::of_pair(OrderRule::KnownPair)],
    }
}
