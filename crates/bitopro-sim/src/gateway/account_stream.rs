use bitopro_model::PrivateStream;

use crate::AccountId;

/// A stream of one account, which sockets subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AccountStream {
    pub(crate) account: AccountId,
    pub(crate) stream: PrivateStream,
}

/// The sockets that a command addresses: those of an account or of all, and of a stream or of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Addressees {
    pub(crate) account: Option<AccountId>,
    pub(crate) stream: Option<PrivateStream>,
}

impl Addressees {
    pub(crate) const ALL: Self = Self { account: None, stream: None };

    pub(crate) fn include(self, socket: AccountStream) -> bool {
        self.account.is_none_or(|account| account == socket.account)
            && self.stream.is_none_or(|stream| stream == socket.stream)
    }
}

impl From<AccountStream> for Addressees {
    fn from(AccountStream { account, stream }: AccountStream) -> Self {
        Self { account: Some(account), stream: Some(stream) }
    }
}
