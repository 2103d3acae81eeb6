//! `vpcreplay check`.

use vpcreplay_replay::check as checked;

use crate::args::CheckArgs;
use crate::exit::Status;
use crate::failure::Failure;
use crate::plan;
use crate::screen::{self, Channel};

/// Validates a model and shows what is in it.
pub(crate) fn check(args: &CheckArgs) -> Result<Status, Failure> {
    let checked = checked(&plan::models(&args.model, None))?;
    let warnings = &checked.warnings;
    let mut text = checked.render();
    text.push_str(match warnings.len() {
        0 => "\nThe model loads, without warnings.\n",
        _ => "\nThe model loads, with warnings.\n",
    });
    screen::print(Channel::Stdout, &text)?;
    for warning in warnings {
        let times = if warning.count > 1 { format!(" (×{})", warning.count) } else { String::new() };
        screen::warning(&format!("{}{times} [{}]", warning.text, warning.code));
    }
    Ok(if args.strict && !warnings.is_empty() { Status::Refused } else { Status::Done })
}
