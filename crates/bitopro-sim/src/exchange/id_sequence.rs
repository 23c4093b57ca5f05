use bitopro_model::{MatchId, OrderId, OrderSeq, Pair};
use fastrand::Rng;

use crate::exchange::uuid::random_uuid;
use crate::{MatchIds, OrderIdSequence, Quirks};

/// Generates ids in the exchange's format, beginning with the samples in its documentation.
#[derive(Debug, Clone)]
pub(crate) struct IdSequence {
    sequence: OrderIdSequence,
    match_ids: MatchIds,
    /// The distance of the next order's numbers from the first ones.
    orders: u64,
    /// The distance of the next trade's number from the first one.
    trades: u64,
    matches: u64,
    numbers: u64,
}

impl IdSequence {
    const FIRST_ORDER: u64 = 8_917_255_503;
    const FIRST_STOP: u64 = 1_133_804_403;
    const FIRST_SEQ: u64 = 3_273_528_249;
    const FIRST_TRADE: u64 = 4_000_000_000;
    const FIRST_MATCH: u64 = 2_000_000_001;
    /// Ids have at most ten digits.
    const MODULUS: u64 = 10_000_000_000;
    /// The distance of consecutive ids in the documentation's sample of trades, modulo [`MODULUS`](Self::MODULUS).
    /// Every other one is larger by one.
    const SCRAMBLED_STEP: u64 = 4_876_858_394;
    /// The smallest number of ten digits. Ids of trades have exactly ten.
    const TEN_DIGITS: u64 = 1_000_000_000;
    /// Like [`SCRAMBLED_STEP`](Self::SCRAMBLED_STEP), modulo the count of numbers with ten digits.
    const SCRAMBLED_TRADE_STEP: u64 = 4_376_858_394;

    pub(crate) fn new(quirks: Quirks) -> Self {
        let Quirks { order_id_sequence: sequence, match_ids, .. } = quirks;
        Self { sequence, match_ids, orders: 0, trades: 0, matches: 0, numbers: 0 }
    }

    pub(crate) fn next_order(&mut self, pair: &Pair, is_stop: bool) -> (OrderId, OrderSeq) {
        let distance = self.orders;
        let step = self.step(Self::SCRAMBLED_STEP);
        self.orders = (distance + step) % Self::MODULUS;
        let number = |first| (first + distance) % Self::MODULUS;
        let id = if is_stop {
            format!("SL-{}", number(Self::FIRST_STOP))
        } else {
            number(Self::FIRST_ORDER).to_string()
        };
        let pair = pair.as_str().replace('_', "").to_ascii_uppercase();
        (OrderId::new(id), OrderSeq::new(format!("{pair}{}", number(Self::FIRST_SEQ))))
    }

    pub(crate) fn next_trade(&mut self) -> String {
        let count = Self::MODULUS - Self::TEN_DIGITS;
        let number = (Self::FIRST_TRADE - Self::TEN_DIGITS + self.trades) % count + Self::TEN_DIGITS;
        self.trades = (self.trades + self.step(Self::SCRAMBLED_TRADE_STEP)) % count;
        number.to_string()
    }

    pub(crate) fn next_match(&mut self) -> MatchId {
        let number = self.matches;
        self.matches += 1;
        MatchId::new(match self.match_ids {
            MatchIds::Empty => String::new(),
            MatchIds::Uuid => random_uuid(&mut Rng::with_seed(number)),
            MatchIds::Counted => (Self::FIRST_MATCH + number).to_string(),
        })
    }

    /// Returns a number larger than all earlier ones, which no message shows.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn step(&self, scrambled: u64) -> u64 {
        match self.sequence {
            OrderIdSequence::Scrambled => scrambled,
            OrderIdSequence::Counted => 1,
        }
    }
}

#[cfg(test)]
mod tests;
