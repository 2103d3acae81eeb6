//! `vpcreplay inspect`.

use std::fs;
use std::path::Path;

use vpcreplay_replay::{ReplayError, Signal, Target, inspect as inspected, starter_model};

use super::captures;
use crate::args::InspectArgs;
use crate::exit::Status;
use crate::failure::Failure;
use crate::progress::{Bar, Watch};
use crate::screen::{self, Channel};
use crate::{destinations, plan};

/// Shows what is in captures, and writes a model to start from.
pub(crate) fn inspect(args: &InspectArgs) -> Result<Status, Failure> {
    if let Some(path) = &args.model_out {
        destinations::refuse_capture("--model-out", path, &args.captures.captures)?;
    }
    let mut watch = Watch::start(if args.no_progress { Bar::Hidden } else { Bar::Shown });
    let result = inspected(&plan::captures(&args.captures), args.decap.unwrap_or_default(), &mut watch);
    watch.finish();
    let inspection = result?;
    captures::warn(&inspection.captures);
    let is_partial = inspection.end == Signal::Stop;
    if is_partial {
        screen::warning("stopped: what follows covers the frames up to here");
    }
    let mut channel = Channel::Stdout;
    if let Some(path) = &args.model_out {
        channel = write_model(path, &starter_model(&inspection))?;
    }
    screen::print(channel, &inspection.render(screen::style(channel)))?;
    Ok(if is_partial {
        Status::Interrupted
    } else if args.strict && captures::is_damaged(&inspection.captures) {
        Status::Refused
    } else {
        Status::Done
    })
}

/// Writes the model; the channel that is left for text.
fn write_model(path: &Path, model: &str) -> Result<Channel, Failure> {
    match plan::target(path) {
        Target::Stdout => screen::print(Channel::Stdout, model).map(|()| Channel::Stderr),
        Target::File(file) => {
            fs::write(&file, model)
                .map_err(|source| ReplayError::Output { name: file.display().to_string(), source })?;
            Ok(Channel::Stdout)
        }
    }
}
