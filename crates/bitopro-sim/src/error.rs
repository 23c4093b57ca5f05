/// The error of a simulator that cannot start, a text that is not a command, or a scenario that cannot be run. The message says what
/// happened and what to do.
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
    /// A text is not a [`Command`](crate::Command).
    Command,
    /// A scenario cannot be read, or one of its steps could not be carried out. The message names the lines; for a
    /// scenario that was not read from a text, these are the numbers of the steps.
    Scenario,
}
