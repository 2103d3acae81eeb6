//! Exit statuses.

use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It did what was asked.
    Done,
    /// It did, and `--fail-on` matched.
    Matched,
    /// A usage or input error.
    Refused,
    /// The user stopped it with Ctrl-C; outputs up to there are written.
    Interrupted,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Done => 0,
            Status::Matched => 1,
            Status::Refused => 2,
            // What shells report of a command that SIGINT ended.
            Status::Interrupted => 130,
        })
    }
}
