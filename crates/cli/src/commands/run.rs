//! `vpcreplay run`.

use std::time::Duration;

use vpcreplay_replay::flow::{Disposition, Reason};
use vpcreplay_replay::{Report, Signal, Target, run as replay};

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
    warn(&report);
    if !args.screen.quiet {
        screen::print(channel(&args.outputs), &summary(&report))?;
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
fn warn(report: &Report) {
    for warning in &report.warnings {
        screen::warning(&warning.text);
    }
    crate::commands::captures::warn(report.feed.captures());
    if report.end == Signal::Stop {
        screen::warning("stopped: outputs and summary cover the packets up to here and are marked partial");
    }
}

fn pace(packets: u64, elapsed: Duration) {
    let seconds = elapsed.as_secs_f64();
    screen::note(&format!("{packets} packets in {seconds:.2} s, {}", rate(packets, seconds)));
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
    } else if screen.strict && crate::commands::captures::is_flawed(report.feed.captures()) {
        Status::Refused
    } else if is_matched {
        Status::Matched
    } else {
        Status::Done
    }
}

fn summary(report: &Report) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let counters = report.engine.counters();
    for reason in Reason::ALL {
        let tally = counters.total(reason);
        if tally.packets > 0 {
            let _ = writeln!(
                text,
                "{:9} {:28} {:>12} packets",
                reason.disposition().code(),
                reason.code(),
                tally.packets
            );
        }
    }
    text
}
