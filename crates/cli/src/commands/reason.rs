//! `vpcreplay reason`.

use vpcreplay_replay::flow::Reason;

use crate::args::ReasonArgs;
use crate::exit::Status;
use crate::failure::Failure;
use crate::screen::{self, Channel};

/// Prints the page of a reason, or all reasons with a line each.
pub(crate) fn reason(args: &ReasonArgs) -> Result<Status, Failure> {
    let text = match &args.code {
        None => list(),
        Some(code) => page(code)?,
    };
    screen::print(Channel::Stdout, &text)?;
    Ok(Status::Done)
}

fn page(code: &str) -> Result<String, Failure> {
    let found = Reason::ALL.into_iter().find(|reason| reason.code() == code);
    found.map(|reason| reason.page().to_owned()).ok_or_else(|| {
        let codes = Reason::ALL.map(Reason::code).join(", ");
        Failure::with_help(format!("`{code}` is no reason code"), format!("codes are {codes}"))
    })
}

fn list() -> String {
    let width = Reason::ALL.iter().map(|reason| reason.code().len()).max().unwrap_or(0);
    let line = |reason: Reason| {
        format!("{:8}  {:width$}  {}\n", reason.disposition().code(), reason.code(), reason.summary())
    };
    Reason::ALL.into_iter().map(line).collect()
}
