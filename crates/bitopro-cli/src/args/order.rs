//! The arguments of the commands that place and cancel orders.

use bitopro_client::model::{Decimal, DecimalError, parse_decimal};
use clap::{Args, Subcommand, ValueEnum};

use super::query::pair;
use super::{CredentialArgs, FormatArgs, TrustArgs, help, number};

#[derive(Debug, Args)]
#[command(after_help = help::ORDER)]
pub(crate) struct OrderArgs {
    #[command(subcommand)]
    pub(crate) command: OrderCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OrderCommand {
    /// Place an order: print the request, or send it with --live
    ///
    /// The order is checked against the rules of the pair, which `bitopro pairs` prints. Nothing is rounded: an
    /// order that breaks a rule is not sent, and the error names the nearest valid value. Prints the id of a
    /// placed order, and then its state.
    ///
    /// An order is sent at most once. If the exchange does not answer, the command looks for the order in the
    /// account for up to 60 s, and exits with 8 if it remains unknown whether the order was placed. Ctrl-C before
    /// the outcome is known does not cancel the order, and also exits with 8.
    Place(PlaceArgs),
    /// Cancel one order, or all open ones: print the request, or send it with --live
    ///
    /// Prints the cancelled orders and, for one order, its state, which may show that it was filled in part.
    /// Exits with 8 if the exchange does not answer and the order is not known to be closed.
    Cancel(CancelArgs),
}

#[derive(Debug, Args)]
#[command(after_help = help::PLACE, allow_negative_numbers = true, group = clap::ArgGroup::new("kind").args(["price", "market"]).required(true))]
pub(crate) struct PlaceArgs {
    /// Pair, such as btc_twd
    #[arg(value_parser = pair)]
    pub(crate) pair: String,

    pub(crate) side: Side,

    /// Amount in the base currency (BTC of btc_twd); for `buy --market`, the amount to spend in the quote
    /// currency (TWD)
    #[arg(value_parser = positive)]
    pub(crate) amount: Decimal,

    /// Limit order: buy at this price or less, or sell at this price or more
    #[arg(long, value_parser = positive)]
    pub(crate) price: Option<Decimal>,

    /// Market order: buy or sell immediately, at the best available prices
    #[arg(long)]
    pub(crate) market: bool,

    /// Limit order that the exchange cancels if it would match immediately
    #[arg(long, conflicts_with = "market")]
    pub(crate) post_only: bool,

    /// Stop-limit order: becomes active once the market price is at this price or more
    #[arg(long, value_name = "STOP_PRICE", value_parser = positive, conflicts_with_all = ["market", "post_only", "stop_below"])]
    pub(crate) stop_above: Option<Decimal>,

    /// Stop-limit order: becomes active once the market price is at this price or less
    #[arg(long, value_name = "STOP_PRICE", value_parser = positive, conflicts_with_all = ["market", "post_only"])]
    pub(crate) stop_below: Option<Decimal>,

    /// Id from 1 to 2147483647, by which the order is found if the exchange does not answer; use a new one for
    /// each order [default: a random one]
    #[arg(long, value_name = "NUMBER", value_parser = number::<u32>("a number from 1 to 2147483647"))]
    pub(crate) client_id: Option<u32>,

    #[command(flatten)]
    pub(crate) send: SendArgs,
}

#[derive(Debug, Args)]
#[command(after_help = help::CANCEL)]
pub(crate) struct CancelArgs {
    /// Pair of the order, such as btc_twd
    #[arg(value_parser = pair, required_unless_present = "all_pairs")]
    pub(crate) pair: Option<String>,

    /// Id of the order
    #[arg(required_unless_present_any = ["all", "all_pairs"])]
    pub(crate) id: Option<String>,

    /// Cancel all open orders of PAIR, including those that other programs have placed
    #[arg(long, conflicts_with = "id")]
    pub(crate) all: bool,

    /// Cancel all open orders of the account
    #[arg(long, conflicts_with_all = ["pair", "id", "all"])]
    pub(crate) all_pairs: bool,

    #[command(flatten)]
    pub(crate) send: SendArgs,
}

/// The arguments of every command that sends a request.
#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// Send the request; without this flag, only a server on this machine is sent it
    #[arg(long)]
    pub(crate) live: bool,

    #[command(flatten)]
    pub(crate) format: FormatArgs,

    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,

    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Side {
    Buy,
    Sell,
}

fn positive(text: &str) -> Result<Decimal, String> {
    match parse_decimal(text) {
        Ok(number) if number > Decimal::ZERO => Ok(number),
        Err(error @ DecimalError::TooManyDigits { .. }) => Err(error.to_string()),
        _ => Err("expected a number above 0, such as 12.50".to_owned()),
    }
}
