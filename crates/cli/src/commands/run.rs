//! `vpcreplay run`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use indicatif::HumanCount;
use vpcreplay_replay::flow::{Disposition, Reason};
use vpcreplay_replay::sinks::Summary;
use vpcreplay_replay::{ReplayError, Report, Signal, Target, run as replay, summarize};

use super::captures;
use crate::args::{OutputArgs, RunArgs, ScreenArgs};
use crate::exit::Status;
use crate::failure::Failure;
use crate::progress::{Bar, Watch, rate};
use crate::screen::{self, Channel};
use crate::values::FailOn;
use crate::{destinations, plan};

/// Replays, prints the summary, says how it ended.
pub(crate) fn run(args: &RunArgs) -> Result<Status, Failure> {
    let plan = plan::of_run(args)?;
    destinations::check(args)?;
    let bar = if args.screen.quiet || args.screen.no_progress { Bar::Hidden } else { Bar::Shown };
    let mut watch = Watch::start(bar);
    let result = replay(&plan, &mut watch);
    let elapsed = watch.finish();
    let report = result?;
    // Made only if somebody will see it: of many denied peers the top takes its time.
    let is_wanted = args.outputs.summary.is_some() || !args.screen.quiet;
    let summary = is_wanted.then(|| summarize(&plan, &report));
    if let (Some(path), Some(summary)) = (&args.outputs.summary, &summary) {
        write_summary(path, summary)?;
    }
    warn(&report, &args.screen);
    if let (Some(summary), false) = (&summary, args.screen.quiet) {
        let channel = channel(&args.outputs);
        screen::print(channel, &summary.render(screen::style(channel)))?;
        pace(watch.packets(), elapsed);
    }
    Ok(status(&report, &args.screen))
}

/// The summary goes where no records go.
fn channel(outputs: &OutputArgs) -> Channel {
    let all = [&outputs.out, &outputs.connections, &outputs.series, &outputs.summary];
    let is_taken = all.into_iter().flatten().any(|path| plan::target(path) == Target::Stdout);
    if is_taken { Channel::Stderr } else { Channel::Stdout }
}

/// Tells what was wrong with the input.
fn warn(report: &Report, screen: &ScreenArgs) {
    // The summary has them too: nobody needs them twice on one terminal.
    if screen.quiet {
        for warning in &report.warnings {
            screen::warning(&warning.text);
        }
    }
    if screen.quiet || !screen::is_one_terminal() {
        captures::warn(report.feed.captures());
    }
    if report.end == Signal::Stop {
        screen::warning("stopped: outputs and summary cover the packets up to here and are marked partial");
    }
}

fn pace(packets: u64, elapsed: Duration) {
    let seconds = elapsed.as_secs_f64();
    screen::note(&format!("{} packets in {seconds:.2} s, {}", HumanCount(packets), rate(packets, seconds)));
}

fn status(report: &Report, screen: &ScreenArgs) -> Status {
    let counters = report.engine.counters();
    let is_denied =
        |reason: &Reason| reason.disposition() == Disposition::Deny && counters.total(*reason).packets > 0;
    let is_matched = screen.fail_on.iter().any(|condition| match condition {
        FailOn::Deny => Reason::ALL.iter().any(is_denied),
        FailOn::Exceeded => counters.total(Reason::ConntrackAllowanceExceeded).packets > 0,
    });
    if report.end == Signal::Stop {
        Status::Interrupted
    } else if screen.strict && captures::is_damaged(report.feed.captures()) {
        Status::Refused
    } else if is_matched {
        Status::Matched
    } else {
        Status::Done
    }
}

/// Writes the summary as JSON.
fn write_summary(path: &Path, summary: &Summary) -> Result<(), Failure> {
    let unwritable = |source| ReplayError::Output { name: plan::target(path).name(), source };
    let text = summary.to_json().map_err(unwritable)?;
    match plan::target(path) {
        Target::Stdout => screen::print(Channel::Stdout, &text),
        Target::File(path) => Ok(fs::write(path, text).map_err(unwritable)?),
    }
}
