use bitopro_model::Balance;

use crate::List;
use crate::call::plain_calls;

plain_calls! {
    /// Gets the account's balances of all currencies.
    ///
    /// The currencies are in lowercase, unlike on the stream. The reply has no time, so it cannot be ordered
    /// against the messages of the stream.
    GetBalances => Balances, List<Balance>;
}
