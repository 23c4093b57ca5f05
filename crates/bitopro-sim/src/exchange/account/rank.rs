use bitopro_model::Decimal;

use crate::exchange::account::fill::Role;

/// A rank of the exchange's table of fees, as measured in September 2026.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rank {
    pub(crate) number: u8,
    /// The trading volume of 30 days in TWD and the amount of BITO that the rank requires; rank 0 is below them.
    pub(crate) required: (u64, u64),
    /// Fractions of the amount received, in millionths.
    maker: i64,
    taker: i64,
}

impl Rank {
    /// The rank of an account by default.
    pub(crate) const LOWEST: Self = rank(0, (3_000_000, 3_000), (1_000, 2_000));

    pub(crate) const ALL: [Self; 7] = [
        Self::LOWEST,
        rank(1, (3_000_000, 3_000), (900, 1_800)),
        rank(2, (10_000_000, 10_000), (700, 1_400)),
        rank(3, (30_000_000, 20_000), (600, 1_200)),
        rank(4, (150_000_000, 30_000), (125, 1_000)),
        rank(5, (300_000_000, 40_000), (125, 875)),
        rank(6, (600_000_000, 50_000), (125, 450)),
    ];

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|rank| rank.number == number)
    }

    /// Returns the fee of a trade as a fraction of the amount received.
    pub(crate) fn fee_rate(&self, role: Role) -> Decimal {
        Decimal::new(self.millionths(role), 6).normalize()
    }

    /// Returns the fee if it is paid in BITO, which is a fifth less. The simulator only lists it.
    pub(crate) fn bito_fee_rate(&self, role: Role) -> Decimal {
        Decimal::new(self.millionths(role) * 8, 7).normalize()
    }

    fn millionths(&self, role: Role) -> i64 {
        match role {
            Role::Maker => self.maker,
            Role::Taker => self.taker,
        }
    }
}

const fn rank(number: u8, required: (u64, u64), (maker, taker): (i64, i64)) -> Rank {
    Rank { number, required, maker, taker }
}
