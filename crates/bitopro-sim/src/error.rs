/// Why a simulator could not start. The message says what happened and what to do.
pub type Error = bitopro_transport::Error<ErrorKind>;

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The options contradict themselves; the message names every fault.
    Options,
    /// Something else listens on the address.
    AddressInUse,
    /// The address cannot be listened on.
    Listen,
    /// No certificate could be made.
    Certificate,
}
