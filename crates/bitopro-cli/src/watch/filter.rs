use bitopro_client::model::{Message, Orders, Pair};
use bitopro_client::{Item, StreamState};

/// The currencies and pairs that are printed: all of them, if none was named.
#[derive(Debug, Default)]
pub(super) struct Filter(Vec<String>);

impl Filter {
    pub(super) fn new(codes: Vec<String>) -> Self {
        Self(codes)
    }

    /// Returns what is left of an item. Of an update that may be nothing; a snapshot of which nothing is left still
    /// says that there is nothing.
    pub(super) fn apply(&self, item: Item<Message>) -> Option<Item<Message>> {
        Some(match item {
            Item::Snapshot(message) => Item::Snapshot(self.narrow(message)?),
            Item::Update(message) => {
                Item::Update(self.narrow(message).filter(|left| self.0.is_empty() || !is_bare(left))?)
            }
            other => other,
        })
    }

    /// What is left of an event. Of a trade that is all or nothing.
    fn narrow(&self, message: Message) -> Option<Message> {
        if self.0.is_empty() {
            return Some(message);
        }
        Some(match message {
            Message::AccountBalance(mut event) => {
                let balances = std::mem::take(&mut event.data).into_iter();
                event.data =
                    balances.filter(|balance| self.names_currency(balance.currency.as_str())).collect();
                Message::AccountBalance(event)
            }
            Message::ActiveOrders(mut event) => {
                event.data = self.orders(&event.data);
                Message::ActiveOrders(event)
            }
            Message::HistoryOrders(mut event) => {
                event.data = self.orders(&event.data);
                Message::HistoryOrders(event)
            }
            Message::UserTrade(event) if !self.names_pair(&event.data.pair()) => return None,
            other => other,
        })
    }

    /// Returns what is left of a stream's state.
    pub(super) fn state(&self, mut state: StreamState) -> StreamState {
        state.messages = state.messages.into_iter().filter_map(|event| self.narrow(event)).collect();
        state
    }

    fn orders<K>(&self, orders: &Orders<K>) -> Orders<K> {
        let named = orders.by_pair().filter(|(pair, _)| self.names_pair(pair));
        named.map(|(pair, orders)| (pair.clone(), orders.to_vec())).collect()
    }

    /// A pair names both of its currencies.
    fn names_currency(&self, currency: &str) -> bool {
        self.0.iter().any(|code| code.split('_').any(|part| part.eq_ignore_ascii_case(currency)))
    }

    /// A currency names every pair that it is part of.
    fn names_pair(&self, pair: &Pair) -> bool {
        let is_part = |code: &String| pair.as_str().split('_').any(|part| part.eq_ignore_ascii_case(code));
        self.0.iter().any(|code| *pair == **code || is_part(code))
    }
}

/// Whether an event names nothing at all.
fn is_bare(message: &Message) -> bool {
    match message {
        Message::AccountBalance(event) => event.data.is_empty(),
        Message::ActiveOrders(event) => event.data.by_pair().next().is_none(),
        Message::HistoryOrders(event) => event.data.by_pair().next().is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Filter, Item, Message, is_bare};
    use crate::watch::samples;

    /// What is left of an update, as JSON.
    fn left(codes: &[&str], message: &str) -> Option<serde_json::Value> {
        let filter = Filter::new(codes.iter().map(|&code| code.to_owned()).collect());
        let item = Item::Update(Message::from_json(message).unwrap());
        let Item::Update(message) = filter.apply(item)? else { panic!("an update stays one") };
        Some(serde_json::to_value(message).unwrap()["data"].take())
    }

    fn keys(codes: &[&str], message: &str) -> Option<Vec<String>> {
        left(codes, message).map(|data| data.as_object().unwrap().keys().cloned().collect())
    }

    #[test]
    fn balances_are_named_by_currency_or_pair() {
        for (codes, expected) in [
            (&[][..], Some(vec!["BTC", "TWD"])),
            (&["btc"], Some(vec!["BTC"])),
            (&["twd", "BTC"], Some(vec!["BTC", "TWD"])),
            (&["BTC_twd"], Some(vec!["BTC", "TWD"])),
            (&["eth", "bt"], None),
        ] {
            let expected = expected.map(|codes| codes.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(keys(codes, samples::BALANCES), expected, "{codes:?}");
        }
    }

    #[test]
    fn orders_and_trades_are_named_by_pair_or_by_either_currency() {
        let history = samples::ORDERS.replace("ACTIVE_ORDERS", "RECENT_HISTORY_ORDERS");
        for (codes, orders, trade) in [
            (&[][..], Some(vec!["btc_twd", "eth_usdt"]), true),
            (&["BTC_TWD"], Some(vec!["btc_twd"]), false),
            (&["usdt"], Some(vec!["eth_usdt"]), true),
            (&["TWD"], Some(vec!["btc_twd"]), true),
            (&["usdt_twd"], None, true),
            (&["btc_twd", "eth"], Some(vec!["btc_twd", "eth_usdt"]), false),
            (&["sol"], None, false),
        ] {
            let orders = orders.map(|pairs| pairs.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(keys(codes, samples::ORDERS), orders, "{codes:?}");
            assert_eq!(keys(codes, &history), orders, "{codes:?}");
            assert_eq!(left(codes, samples::TRADE).is_some(), trade, "{codes:?}");
        }
    }

    #[test]
    fn a_snapshot_of_which_nothing_is_left_says_so() {
        let filter = Filter::new(vec!["sol".to_owned()]);
        let item = Item::Snapshot(Message::from_json(samples::ORDERS).unwrap());
        let item = filter.apply(item).unwrap();
        assert!(matches!(item, Item::Snapshot(message) if is_bare(&message)));
    }
}
