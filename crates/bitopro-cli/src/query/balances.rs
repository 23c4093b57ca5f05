use bitopro_client::model::Balance;
use bitopro_client::rest::GetBalances;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{call, note, print, to_model, with_account};
use crate::args::BalancesArgs;
use crate::exit::{Failure, Status};
use crate::filter::Filter;
use crate::table::balances::{self, BalanceChanges};
use crate::table::{Appearance, RowFormat, View};

pub(crate) fn run(args: BalancesArgs) -> Result<Status, Failure> {
    let BalancesArgs { filter, format, credentials, trust } = args;
    let filter = Filter::new(filter);
    let all = with_account(&credentials, &trust, async |rest| call(&rest, &GetBalances::new()).await)?;
    if let Some(text) = filter.unmatched_currency(&all) {
        note(&text);
    }
    let matching = all.into_iter().filter(|balance| filter.matches_currency(balance.currency.as_str()));
    let balances: Vec<Balance> = matching.collect();
    print(&format, &balances, || table(&balances, &Appearance::of_stdout(TimeZone::UTC)))
}

fn table(balances: &[Balance], look: &Appearance) -> String {
    let format = RowFormat { look, stream: None, view: View::Reply };
    let now = to_model(Timestamp::now());
    let section = balances::section(now, balances, &BalanceChanges::new(), None, &format);
    section.to_lines(balances::COLUMNS, look)
}
