use bitopro_model::__private::{wire_enums, wire_struct};
use bitopro_model::{Currency, Decimal, Timestamp};

use crate::List;
use crate::call::{call, setters};

/// Declares the calls that list deposits or withdrawals.
macro_rules! transfer_lists {
    ($($(#[$meta:meta])* $call:ident => $endpoint:ident;)*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $call {
            currency: Currency,
            start: Option<Timestamp>,
            end: Option<Timestamp>,
            limit: Option<u32>,
            from_id: Option<String>,
            statuses: Option<Vec<TransferStatus>>,
            tx_id: Option<String>,
        }

        impl $call {
            /// Creates the call.
            pub fn new(currency: impl Into<Currency>) -> Self {
                let currency = currency.into();
                Self { currency, start: None, end: None, limit: None, from_id: None, statuses: None, tx_id: None }
            }
        }

        setters! { $call {
            /// Sets the start of the window.
            with_start(start: Timestamp);
            /// Sets the end of the window, at most 90 days after its start.
            with_end(end: Timestamp);
            /// Sets the maximum number of transfers, from 1 to 100. Defaults to 20.
            with_limit(limit: u32);
            /// Starts the list at the transfer with this id, inclusive.
            with_from_id(from_id: impl Into<String>);
            /// Restricts the list to these statuses.
            with_statuses(statuses: impl Into<Vec<TransferStatus>>);
            /// Restricts the list to a transaction on the blockchain.
            with_tx_id(tx_id: impl Into<String>);
        } }

        call!($call => $endpoint, List<Transfer>, |this, parts| {
            parts.segment("a currency", &this.currency.as_str().to_ascii_lowercase());
            parts.query("startTimestamp", this.start.map(Timestamp::as_millis));
            parts.query("endTimestamp", this.end.map(Timestamp::as_millis));
            parts.query_in("limit", this.limit, 1, 100);
            parts.query("id", this.from_id.as_ref());
            let statuses = this.statuses.as_ref().map(|all| all.iter().map(TransferStatus::as_str).collect::<Vec<_>>());
            parts.query("statuses", statuses.map(|all| all.join(",")));
            parts.query("txID", this.tx_id.as_ref());
        });
    )*};
}

transfer_lists! {
    /// Gets the deposits of a currency.
    GetDeposits => Deposits;
    /// Gets the withdrawals of a currency. This crate has no call that makes a withdrawal.
    GetWithdrawals => Withdrawals;
}

wire_struct! {
    /// A deposit or a withdrawal. No stream announces it: there, it only appears as a change of the balance.
    pub struct Transfer ("a transfer") {
        /// The exchange's serial number.
        "serial" => serial: String,
        /// The time in milliseconds. Sent as a string.
        "timestamp" => timestamp: Option<Timestamp>,
        /// The address on the blockchain, or the bank account.
        "address" => address: Option<String>,
        /// The amount.
        "amount" => amount: Decimal,
        /// The fee.
        "fee" => fee: Option<Decimal>,
        /// The total of amount and fee.
        "total" => total: Option<Decimal>,
        /// The status, such as complete.
        "status" => status: TransferStatus,
        /// The id of the transaction on the blockchain.
        "txid" => tx_id: Option<String>,
        /// The message or tag that some blockchains need.
        "message" => message: Option<String>,
        /// The blockchain, such as `ERC20`.
        "protocol" => protocol: Option<String>,
        /// The exchange's id, for [`GetWithdrawals::with_from_id`].
        "id" => id: Option<String>,
    }
}

wire_enums! {
    /// The status of a deposit or withdrawal.
    TransferStatus {
        /// In progress.
        Processing = "PROCESSING",
        /// Complete.
        Complete = "COMPLETE",
        /// Expired.
        Expired = "EXPIRED",
        /// Invalid.
        Invalid = "INVALID",
        /// Waiting to be processed.
        WaitProcess = "WAIT_PROCESS",
        /// Cancelled.
        Cancelled = "CANCELLED",
        /// Failed. Only for TWD.
        Failed = "FAILED",
        /// Waiting for confirmation.
        WaitConfirmation = "WAIT_CONFIRMATION",
        /// Waiting for the confirmation of an email. Only for withdrawals.
        EmailVerification = "EMAIL_VERIFICATION",
    }
}
