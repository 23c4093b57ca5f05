use std::collections::BTreeMap;

use bitopro_client::Change;
use bitopro_client::model::{AccountBalance, Balance, Currency, Decimal, Timestamp};

use super::grid::{Cell, Column, Row};
use super::{RowFormat, Section, Style, View, rows_that_fit};

/// The columns: time, stream, currency, amount, available, change and remarks.
pub(crate) const COLUMNS: &[Column] = &[
    Column::LEFT.with_rank(3),
    Column::LEFT.with_rank(2),
    Column::LEFT,
    Column::NUMBER,
    Column::NUMBER.with_rank(4),
    Column::NUMBER.with_rank(5),
    Column::LEFT.with_rank(1),
];

const NAMES: &[&str] = &["CURRENCY", "AMOUNT", "AVAILABLE", "CHANGE", ""];
const NAMES_WITHOUT_CHANGE: &[&str] = &["CURRENCY", "AMOUNT", "AVAILABLE"];

/// The balances that changed.
pub(crate) type BalanceChanges = BTreeMap<Currency, Amounts>;

/// The changes of a balance, as far as they are known exactly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amounts {
    pub(crate) total: Option<Decimal>,
    pub(crate) available: Option<Decimal>,
}

pub(crate) fn balance_changes(changes: Vec<Change>) -> BalanceChanges {
    let balances = changes.into_iter().filter_map(|change| match change {
        Change::Balance(change) => {
            let amounts = Amounts { total: change.by(), available: change.available_by() };
            Some((change.currency.clone(), amounts))
        }
        _ => None,
    });
    balances.collect()
}

/// Returns rows of only the balances that changed, since the exchange may send every currency in each update.
pub(crate) fn changed(event: &AccountBalance, changes: &BalanceChanges, format: &RowFormat<'_>) -> Vec<Row> {
    let changed = event.data.iter().filter(|balance| changes.contains_key(&balance.currency));
    changed.map(|balance| row(event.timestamp, balance, changes, format)).collect()
}

/// Returns the number of lines below the column names of the complete table.
pub(super) fn height(balances: &[Balance]) -> usize {
    let held = balances.iter().filter(|balance| !is_empty(balance)).count();
    held + usize::from(held < balances.len())
}

/// Returns the complete table of the balances, with at most `body` lines below the column names.
pub(crate) fn section(
    now: Timestamp,
    balances: &[Balance],
    changes: &BalanceChanges,
    body: Option<usize>,
    format: &RowFormat<'_>,
) -> Section {
    let (held, empty): (Vec<_>, Vec<_>) = balances.iter().partition(|balance| !is_empty(balance));
    // One line has a note about the empty balances and about those without a row.
    let lines = height(balances);
    let rows = rows_that_fit(lines, body).min(held.len());
    let (shown, more) = held.split_at(rows);
    let rows = shown.iter().map(|balance| row(now, balance, changes, format)).collect();
    let codes = |balances: &[&Balance]| {
        let codes: Vec<&str> = balances.iter().map(|balance| balance.currency.as_str()).collect();
        codes.join(", ")
    };
    let more = (!more.is_empty()).then(|| format!("and {} more: {}", more.len(), codes(more)));
    let zero = (!empty.is_empty()).then(|| format!("zero balances: {}", codes(&empty)));
    let notes: Vec<String> = more.into_iter().chain(zero).collect();
    let none = balances.is_empty().then(|| "no balances".to_owned());
    let note_below = (!notes.is_empty()).then(|| notes.join("; ")).or(none);
    let names = if format.view == View::Reply { NAMES_WITHOUT_CHANGE } else { NAMES };
    let heading = format.heading(&time(format, || format.look.time_heading(now)), names);
    Section { heading, rows, note_above: None, note_below }
}

fn row(timestamp: Timestamp, balance: &Balance, changes: &BalanceChanges, format: &RowFormat<'_>) -> Row {
    let change = changes.get(&balance.currency).copied().unwrap_or_default();
    let mut remarks = Vec::new();
    // Without a change of the total, an order has reserved or released a part of it.
    if let Some(available) = change.available.filter(|available| !available.is_zero())
        && change.total.is_some_and(|total| total.is_zero())
    {
        let verb = if available.is_sign_negative() { "reserved" } else { "released" };
        remarks.push(format!("{} {verb}", available.abs()));
    }
    if let Some(stake) = balance.stake.filter(|stake| !stake.is_zero()) {
        remarks.push(format!("{stake} staked"));
    }
    if balance.tradable == Some(false) {
        remarks.push("not tradable".to_owned());
    }
    let cells = [
        Cell::plain(&balance.currency),
        Cell::plain(&balance.amount),
        Cell::plain(&balance.available),
        change_cell(change.total),
        Cell::new(Style::Dim, &remarks.join(", ")),
    ];
    format.row(&time(format, || format.look.time_of_day(timestamp)), cells)
}

/// Returns the content of the time column, which only a log has, because balances have no separate times.
fn time(format: &RowFormat<'_>, time: impl FnOnce() -> String) -> String {
    if format.view == View::Log { time() } else { String::new() }
}

/// Returns a cell with a signed change, or an empty cell if nothing changed.
fn change_cell(change: Option<Decimal>) -> Cell {
    match change.filter(|change| !change.is_zero()) {
        Some(change) if change.is_sign_negative() => Cell::new(Style::Red, &change),
        Some(change) => Cell::new(Style::Green, &format_args!("+{change}")),
        None => Cell::plain(&""),
    }
}

fn is_empty(balance: &Balance) -> bool {
    balance.amount.is_zero() && balance.available.is_zero() && balance.stake.unwrap_or_default().is_zero()
}
