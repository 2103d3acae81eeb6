//! `vpcreplay capacity`.

use std::fs;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use vpcreplay_replay::analysis::parse_limits;
use vpcreplay_replay::sinks::Format;
use vpcreplay_replay::sinks::capacity::{CapacityReport, ContributorWriter, PlotFormat, SweepWriter};
use vpcreplay_replay::{
    CapacityOutcome, CapacityPlan, LINUX_MAX, LinuxPlan, ReplayError, Signal, Target, capacity as analyse,
};

use super::captures;
use crate::args::{CapacityArgs, QuestionArgs, ScreenArgs};
use crate::exit::Status;
use crate::failure::Failure;
use crate::progress::{Bar, Watch};
use crate::screen::{self, Channel};
use crate::values::FailOn;
use crate::{destinations, plan};

/// Analyses, prints the page, says how it ended.
pub(crate) fn capacity(args: &CapacityArgs) -> Result<Status, Failure> {
    let files = Files::of(args)?;
    destinations::check_all(
        &args.outputs.named(),
        (&args.model.vpc, &args.options),
        &args.captures.captures,
    )?;
    let plan = capacity_plan(args)?;
    let bar = if args.screen.quiet || args.screen.no_progress { Bar::Hidden } else { Bar::Shown };
    let mut watch = Watch::start(bar);
    let result = analyse(&plan, &mut watch);
    watch.finish();
    let outcome = result?;
    files.write(&outcome.report)?;
    warn(&outcome, &args.screen);
    if !args.screen.quiet {
        let is_taken = args.outputs.named().iter().any(|(_, path)| plan::target(path) == Target::Stdout);
        let channel = if is_taken { Channel::Stderr } else { Channel::Stdout };
        screen::print(channel, &outcome.report.render(screen::style(channel)))?;
    }
    Ok(status(&outcome, &args.screen))
}

fn capacity_plan(args: &CapacityArgs) -> Result<CapacityPlan, Failure> {
    let QuestionArgs { sweep, untracked, also, linux_max, linux_timeouts, growth_shift, .. } =
        &args.questions;
    let timeouts = || linux_timeouts.iter().copied().collect();
    let linux = also.map(|_| LinuxPlan { max: linux_max.unwrap_or(LINUX_MAX), timeouts: timeouts() });
    Ok(CapacityPlan {
        replay: plan::of_capacity(args)?,
        sweeps: sweep.clone(),
        limits: limits(args.questions.limits.as_deref())?,
        untracked: *untracked,
        linux,
        shift: growth_shift.map(|most| (args.growth.seed(), most)),
    })
}

/// Reads the user's own table of limits.
fn limits(path: Option<&Path>) -> Result<Vec<(String, u64)>, Failure> {
    let Some(path) = path else { return Ok(Vec::new()) };
    let text = fs::read_to_string(path).map_err(|error| {
        Failure::with_help(
            format!("--limits {}: cannot be read: {error}", path.display()),
            "name a TOML file with a table [limits], such as `\"m6i.large\" = 100000`",
        )
    })?;
    parse_limits(&text).map_err(|error| Failure::new(format!("--limits {}, {error}", path.display())))
}

/// The files that are written once everything is known.
struct Files<'a> {
    contributors: Option<(&'a Path, Format)>,
    sweeps: Option<(&'a Path, Format)>,
    summary: Option<&'a Path>,
    plot: Option<(&'a Path, PlotFormat)>,
}

impl<'a> Files<'a> {
    fn of(args: &'a CapacityArgs) -> Result<Self, Failure> {
        let outputs = &args.outputs;
        let table = |option: &str, path: &'a Option<std::path::PathBuf>| -> Result<_, Failure> {
            let Some(path) = path else { return Ok(None) };
            let format =
                Format::from_path(path).map_err(|error| Failure::new(format!("{option}: {error}")))?;
            Ok(Some((path.as_path(), format)))
        };
        let plot = match &outputs.plot {
            None => None,
            Some(path) => {
                let format =
                    PlotFormat::from_path(path).map_err(|error| Failure::new(format!("--plot: {error}")))?;
                Some((path.as_path(), format))
            }
        };
        if outputs.sweeps.is_some() && args.questions.sweep.is_empty() {
            return Err(Failure::with_help(
                "--sweeps: there is no sweep to write",
                "say what is swept with --sweep, such as --sweep limit=1000..65535",
            ));
        }
        plan::check_summary(outputs.summary.as_deref())?;
        Ok(Self {
            contributors: table("--contributors", &outputs.contributors)?,
            sweeps: table("--sweeps", &outputs.sweeps)?,
            summary: outputs.summary.as_deref(),
            plot,
        })
    }

    fn write(&self, report: &CapacityReport) -> Result<(), Failure> {
        if let Some((path, format)) = self.contributors {
            write(path, |out| {
                let mut writer = ContributorWriter::new(format, out);
                for scope in &report.scopes {
                    scope.contributors.iter().try_for_each(|row| writer.write(&scope.scope, row))?;
                }
                writer.finish()
            })?;
        }
        if let Some((path, format)) = self.sweeps {
            write(path, |out| {
                let mut writer = SweepWriter::new(format, out);
                for table in &report.sweeps {
                    table.rows.iter().try_for_each(|row| writer.write(table.sweep, row))?;
                }
                writer.finish()
            })?;
        }
        if let Some((path, format)) = self.plot {
            write(path, |out| out.write_all(&report.plot(format)?))?;
        }
        if let Some(path) = self.summary {
            write(path, |out| out.write_all(report.to_json()?.as_bytes()))?;
        }
        Ok(())
    }
}

/// Writes a file, or to standard output.
fn write(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let target = plan::target(path);
    let mut out: Box<dyn Write> = match &target {
        Target::Stdout => Box::new(BufWriter::new(io::stdout())),
        Target::File(path) => match File::create(path) {
            Ok(file) => Box::new(BufWriter::new(file)),
            Err(source) => return Err(ReplayError::Output { name: target.name(), source }.into()),
        },
    };
    let written = content(&mut out).and_then(|()| out.flush());
    written.map_err(|source| ReplayError::Output { name: target.name(), source }.into())
}

/// Tells what was wrong with the input.
fn warn(outcome: &CapacityOutcome, screen: &ScreenArgs) {
    if screen.quiet {
        outcome.report.warnings.iter().for_each(|warning| screen::warning(&warning.text));
    }
    if screen.quiet || !screen::is_one_terminal() {
        captures::warn(outcome.captures());
    }
    if outcome.end == Signal::Stop {
        screen::warning("stopped: what is told covers the packets up to here and is marked partial");
    }
}

fn status(outcome: &CapacityOutcome, screen: &ScreenArgs) -> Status {
    let exceeded = outcome.report.scopes.iter().any(|scope| scope.conntrack_allowance_exceeded > 0);
    let denied = outcome.report.replay.dispositions.get("deny").packets > 0;
    let is_matched = screen.fail_on.iter().any(|condition| match condition {
        FailOn::Deny => denied,
        FailOn::Exceeded => exceeded,
    });
    if outcome.end == Signal::Stop {
        Status::Interrupted
    } else if screen.strict && captures::is_damaged(outcome.captures()) {
        Status::Refused
    } else if is_matched {
        Status::Matched
    } else {
        Status::Done
    }
}
