//! The arguments of the commands that call the REST API once.

use std::num::NonZeroUsize;
use std::str::FromStr;

use clap::Args;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::{CredentialArgs, FormatArgs, TimeArgs, TrustArgs, currency_or_pair, help, is_pair, number};

#[derive(Debug, Args)]
#[command(after_help = help::BALANCES)]
pub(crate) struct BalancesArgs {
    /// Print only this currency (btc), or the two currencies of this pair (btc_twd)
    #[arg(value_name = "CODE", value_parser = currency_or_pair)]
    pub(crate) filter: Vec<String>,

    #[command(flatten)]
    pub(crate) format: FormatArgs,

    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,

    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

#[derive(Debug, Args)]
#[command(after_help = help::ORDERS)]
#[command(mut_args(|arg| if matches!(arg.get_id().as_str(), "since" | "until" | "limit") { arg.requires("closed") } else { arg }))]
pub(crate) struct OrdersArgs {
    /// Print only orders of this pair, such as btc_twd [default: all pairs]
    #[arg(value_parser = pair)]
    pub(crate) pair: Option<String>,

    /// Print the closed orders of PAIR instead of the open ones
    #[arg(long, requires = "pair")]
    pub(crate) closed: bool,

    #[command(flatten)]
    pub(crate) list: ListArgs,
}

#[derive(Debug, Args)]
#[command(after_help = help::TRADES)]
pub(crate) struct TradesArgs {
    /// Pair, such as btc_twd
    #[arg(value_parser = pair)]
    pub(crate) pair: String,

    #[command(flatten)]
    pub(crate) list: ListArgs,
}

#[derive(Debug, Args)]
#[command(after_help = help::PAIRS)]
pub(crate) struct PairsArgs {
    /// Print only the pairs of this currency (btc), or this pair (btc_twd)
    #[arg(value_name = "CODE", value_parser = currency_or_pair)]
    pub(crate) filter: Vec<String>,

    #[command(flatten)]
    pub(crate) format: FormatArgs,

    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

#[derive(Debug, Args)]
#[command(after_help = help::TICKER)]
pub(crate) struct TickerArgs {
    /// Pair, such as btc_twd [default: all pairs]
    #[arg(value_name = "PAIR", value_parser = pair)]
    pub(crate) pairs: Vec<String>,

    #[command(flatten)]
    pub(crate) format: FormatArgs,

    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

/// The arguments of a list of the account that can be longer than one reply.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) window: WindowArgs,

    #[command(flatten)]
    pub(crate) format: FormatArgs,

    #[command(flatten)]
    pub(crate) times: TimeArgs,

    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,

    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

/// The part of a list to print.
#[derive(Debug, Args)]
pub(crate) struct WindowArgs {
    /// Start: an age such as 24h or 7d, or a time such as 2026-11-01 or 2026-11-01T08:30Z [default: 90 days
    /// before the end, which is all that the exchange returns]
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Moment>,

    /// End, in the same forms [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Moment>,

    /// Print only the latest ones, at most this many
    #[arg(long, value_name = "NUMBER", value_parser = number::<NonZeroUsize>("a number of rows, at least 1"))]
    pub(crate) limit: Option<NonZeroUsize>,
}

/// A point in time.
#[derive(Debug, Clone)]
pub(crate) enum Moment {
    /// A time with an offset from UTC.
    Absolute(Timestamp),
    /// A time without an offset: in UTC, or in local time with `--local`.
    Civil(DateTime),
    Ago(Span),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let absolute = || text.parse().ok().map(Self::Absolute);
        let civil = || text.parse().ok().map(Self::Civil);
        let age = || text.parse().ok().filter(|span: &Span| span.is_positive()).map(Self::Ago);
        absolute().or_else(civil).or_else(age).ok_or_else(|| {
            "expected an age such as 24h or 7d, or a time such as 2026-11-01 or 2026-11-01T08:30Z".to_owned()
        })
    }
}

impl Moment {
    /// Returns the time, or `None` if it is out of range.
    pub(crate) fn resolve(&self, now: Timestamp, time_zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Absolute(time) => Some(*time),
            Self::Civil(time) => time_zone.to_timestamp(*time).ok(),
            Self::Ago(age) => {
                Some(now.to_zoned_datetime(time_zone.clone()).checked_sub(*age).ok()?.timestamp())
            }
        }
    }
}

pub(super) fn pair(text: &str) -> Result<String, String> {
    if is_pair(text) { Ok(text.to_owned()) } else { Err("expected a pair such as btc_twd".to_owned()) }
}

#[cfg(test)]
mod tests {
    use jiff::tz::Offset;

    use super::{Moment, Timestamp};

    #[test]
    fn a_time_is_an_age_or_absolute_or_local() {
        let now: Timestamp = "2026-11-28T02:00:00Z".parse().unwrap();
        let zone = Offset::constant(8).to_time_zone();
        for (text, expected) in [
            ("24h", "2026-11-27T02:00:00Z"),
            ("7d", "2026-11-21T02:00:00Z"),
            ("1h 30m", "2026-11-28T00:30:00Z"),
            ("1 month", "2026-10-28T02:00:00Z"),
            ("2026-11-01", "2026-10-31T16:00:00Z"),
            ("2026-11-01T08:30", "2026-11-01T00:30:00Z"),
            ("2026-11-01 08:30:15", "2026-11-01T00:30:15Z"),
            ("2026-11-01T08:30Z", "2026-11-01T08:30:00Z"),
            ("2026-11-01T08:30:00+08:00", "2026-11-01T00:30:00Z"),
        ] {
            let moment: Moment = text.parse().expect(text);
            assert_eq!(moment.resolve(now, &zone).unwrap().to_string(), expected, "{text}");
        }
        for text in ["", "yesterday", "7", "-1h", "24h ago", "0s", "2026-13-01", "1700000000"] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
        let distant: Moment = "15000 years".parse().unwrap();
        assert_eq!(distant.resolve(now, &zone).map(|time| time.to_string()), None);
    }
}
