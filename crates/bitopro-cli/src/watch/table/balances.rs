use std::collections::BTreeMap;

use bitopro_client::model::{AccountBalance, Balance, Currency, Decimal, Timestamp};

use super::sheet::{Sheet, Style};
use super::time_of_day;

/// Rows of balances: a snapshot shows what the account holds, an update what changed and by how much.
#[derive(Default)]
pub(super) struct BalanceRows {
    known: BTreeMap<Currency, Balance>,
}

impl BalanceRows {
    pub(super) fn snapshot(&mut self, event: &AccountBalance, sheet: &mut Sheet<'_>) {
        print(event, None, |balance| change(self.known.get(&balance.currency)?, balance), sheet);
        self.known = event.data.iter().map(|balance| (balance.currency.clone(), balance.clone())).collect();
    }

    pub(super) fn update(&mut self, event: &AccountBalance, sheet: &mut Sheet<'_>) {
        for balance in &event.data {
            let known = self.known.insert(balance.currency.clone(), balance.clone());
            // Some servers name every currency each time.
            if known.as_ref() != Some(balance) {
                let change = known.and_then(|known| change(&known, balance));
                row(event.timestamp, balance, change, sheet);
            }
        }
    }
}

/// What an account holds.
pub(super) fn list(event: &AccountBalance, rows: Option<usize>, sheet: &mut Sheet<'_>) {
    print(event, rows, |_| None, sheet);
}

fn print(
    event: &AccountBalance,
    rows: Option<usize>,
    change: impl Fn(&Balance) -> Option<Decimal>,
    sheet: &mut Sheet<'_>,
) {
    heading(sheet);
    let (held, empty): (Vec<_>, Vec<_>) = event.data.iter().partition(|balance| !is_empty(balance));
    let rows = rows.unwrap_or(usize::MAX);
    for balance in held.iter().take(rows) {
        row(event.timestamp, balance, change(balance), sheet);
    }
    let codes = |balances: &[&Balance]| {
        let codes: Vec<&str> = balances.iter().map(|balance| balance.currency.as_str()).collect();
        codes.join(" ")
    };
    if let Some(more) = held.get(rows..).filter(|more| !more.is_empty()) {
        sheet.note(Style::Dim, &format!("and {} more: {}", more.len(), codes(more)));
    }
    if !empty.is_empty() {
        sheet.note(Style::Dim, &format!("zero: {}", codes(&empty)));
    }
}

fn heading(sheet: &mut Sheet<'_>) {
    let bold = Style::Bold;
    let line = sheet.heading().left(bold, 8, "CURRENCY").right(bold, 13, "AMOUNT");
    line.right(bold, 23, "AVAILABLE").right(bold, 23, "CHANGE").end();
}

fn row(timestamp: Timestamp, balance: &Balance, change: Option<Decimal>, sheet: &mut Sheet<'_>) {
    let mut remarks = Vec::new();
    if !balance.stake.is_zero() {
        remarks.push(format!("{} staked", balance.stake));
    }
    if !balance.tradable {
        remarks.push("not tradable".to_owned());
    }
    sheet
        .row(&time_of_day(timestamp))
        .left(Style::Plain, 8, &balance.currency)
        .number(Style::Plain, balance.amount)
        .number(Style::Plain, balance.available)
        .change(change)
        .cell(Style::Dim, remarks.join(", "))
        .end();
}

fn is_empty(balance: &Balance) -> bool {
    balance.amount.is_zero() && balance.available.is_zero() && balance.stake.is_zero()
}

/// By how much the total changed, if that can be told exactly.
fn change(before: &Balance, after: &Balance) -> Option<Decimal> {
    after.amount.checked_sub(before.amount)
}
