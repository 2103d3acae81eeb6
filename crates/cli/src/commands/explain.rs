//! `vpcreplay explain`.

use vpcreplay_replay::{ReplayError, Subject, explain as explained};

use crate::args::{ExplainArgs, TargetArgs};
use crate::exit::Status;
use crate::failure::Failure;
use crate::plan;
use crate::progress::{Bar, Watch, is_interrupted};
use crate::screen::{self, Channel};

/// Explains one packet.
pub(crate) fn explain(args: &ExplainArgs) -> Result<Status, Failure> {
    let plan = plan::of_explain(args);
    let mut watch = Watch::start(Bar::Shown);
    let result = explained(&plan, &subject(&args.target), &mut watch);
    watch.finish();
    if is_interrupted() {
        return Ok(Status::Interrupted);
    }
    let explanation = result?;
    let text = if args.json {
        let name = "standard output".to_owned();
        explanation.to_json().map_err(|source| ReplayError::Output { name, source })?
    } else {
        explanation.render(screen::style(Channel::Stdout))
    };
    screen::print(Channel::Stdout, &text)?;
    Ok(Status::Done)
}

/// The packet asked for; clap sees to it that it is named in exactly one way.
fn subject(target: &TargetArgs) -> Subject {
    match (target.packet, &target.frame, target.connection) {
        (_, Some(frame), _) => Subject::Frame { file: frame.file.clone(), number: frame.number },
        (_, _, Some(connection)) => Subject::Connection(connection),
        (packet, ..) => Subject::Packet(packet.unwrap_or(1)),
    }
}
