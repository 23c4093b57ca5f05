/// An error while starting a simulator or a proxy, parsing a command, or parsing or running a scenario.
///
/// Its message states what happened and what to do.
pub type Error = bitopro_transport::Error<ErrorKind>;

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The options are invalid. The message lists every problem.
    Options,
    /// Another program listens on the port.
    AddressInUse,
    /// Listening on the port failed for another reason.
    Listen,
    /// Generating the certificate failed.
    Certificate,
    /// The string is not a [`Command`](crate::Command).
    Command,
    /// A scenario cannot be parsed, or one of its steps failed. The message names the lines, or the numbers
    /// of the steps if the scenario was not parsed from text.
    Scenario,
}
