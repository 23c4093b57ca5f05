use std::collections::BTreeMap;

use bitopro_client::Change;
use bitopro_client::model::{AccountBalance, Balance, Currency, Decimal, Timestamp};

use super::text_table::{Style, TextTable};
use super::{rows_that_fit, time_of_day};

/// The balances that changed, with the change of their total if it is known exactly.
pub(in crate::watch) type BalanceChanges = BTreeMap<Currency, Option<Decimal>>;

pub(in crate::watch) fn balance_changes(changes: Vec<Change>) -> BalanceChanges {
    let balances = changes.into_iter().filter_map(|change| match change {
        Change::Balance(change) => Some((change.currency.clone(), change.by())),
        _ => None,
    });
    balances.collect()
}

/// Prints only the balances that changed, since the exchange may send every currency in each update.
pub(super) fn changed(event: &AccountBalance, changes: &BalanceChanges, out: &mut TextTable<'_>) {
    for balance in event.data.iter().filter(|balance| changes.contains_key(&balance.currency)) {
        row(event.timestamp, balance, changes, out);
    }
}

/// Returns the number of lines below the column names of the complete table.
pub(super) fn height(event: &AccountBalance) -> usize {
    let held = event.data.iter().filter(|balance| !is_empty(balance)).count();
    held + usize::from(held < event.data.len())
}

/// Prints the complete table of the balances, with at most `body` lines below the column names.
pub(super) fn table(
    event: &AccountBalance,
    changes: &BalanceChanges,
    body: Option<usize>,
    out: &mut TextTable<'_>,
) {
    heading(out);
    let (held, empty): (Vec<_>, Vec<_>) = event.data.iter().partition(|balance| !is_empty(balance));
    // One line has a note about the empty balances and about those without a row.
    let lines = height(event);
    let rows = rows_that_fit(lines, body).min(held.len());
    let (shown, more) = held.split_at(rows);
    for balance in shown {
        row(event.timestamp, balance, changes, out);
    }
    let codes = |balances: &[&Balance]| {
        let codes: Vec<&str> = balances.iter().map(|balance| balance.currency.as_str()).collect();
        codes.join(", ")
    };
    let more = (!more.is_empty()).then(|| format!("and {} more: {}", more.len(), codes(more)));
    let zero = (!empty.is_empty()).then(|| format!("zero balances: {}", codes(&empty)));
    let notes: Vec<String> = more.into_iter().chain(zero).collect();
    if !notes.is_empty() {
        out.note(Style::Dim, &notes.join("; "));
    }
}

fn heading(out: &mut TextTable<'_>) {
    let bold = Style::Bold;
    let line = out.heading().left(bold, 8, "CURRENCY").right(bold, 13, "AMOUNT");
    line.right(bold, 23, "AVAILABLE").right(bold, 23, "CHANGE").end();
}

fn row(timestamp: Timestamp, balance: &Balance, changes: &BalanceChanges, out: &mut TextTable<'_>) {
    let mut remarks = Vec::new();
    if let Some(stake) = balance.stake.filter(|stake| !stake.is_zero()) {
        remarks.push(format!("{stake} staked"));
    }
    if balance.tradable == Some(false) {
        remarks.push("not tradable".to_owned());
    }
    out.row(&time_of_day(timestamp))
        .left(Style::Plain, 8, &balance.currency)
        .number(Style::Plain, balance.amount)
        .number(Style::Plain, balance.available)
        .change(changes.get(&balance.currency).copied().flatten())
        .cell(Style::Dim, remarks.join(", "))
        .end();
}

fn is_empty(balance: &Balance) -> bool {
    balance.amount.is_zero() && balance.available.is_zero() && balance.stake.unwrap_or_default().is_zero()
}
