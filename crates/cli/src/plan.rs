//! From arguments to a plan.

use std::path::Path;

use vpcreplay_replay::policy::Options;
use vpcreplay_replay::sinks::Format;
use vpcreplay_replay::{Input, Limits, ModelPaths, OutputFiles, Plan, Selection, Target, TimeBound, When};

use crate::args::{
    CapacityArgs, CaptureArgs, ExplainArgs, ModelArgs, OptionArgs, OutputArgs, ResourceArgs, RunArgs,
    SelectionArgs,
};
use crate::failure::Failure;
use crate::values::Moment;

/// The plan of `run`.
pub(crate) fn of_run(args: &RunArgs) -> Result<Plan, Failure> {
    Ok(Plan {
        captures: captures(&args.captures),
        models: models(&args.model, Some(&args.options)),
        options: options(&args.options),
        limits: limits(&args.options, Some(&args.resources)),
        selection: selection(&args.selection),
        growth: args.growth.growth(),
        enis: args.selection.enis.clone(),
        outputs: outputs(&args.outputs)?,
    })
}

/// The plan of the replay that `capacity` looks at.
pub(crate) fn of_capacity(args: &CapacityArgs) -> Result<Plan, Failure> {
    Ok(Plan {
        captures: captures(&args.captures),
        models: models(&args.model, Some(&args.options)),
        options: options(&args.options),
        limits: limits(&args.options, Some(&args.resources)),
        selection: selection(&args.selection),
        growth: args.growth.growth(),
        enis: args.selection.enis.clone(),
        outputs: OutputFiles {
            series: destination("--series", args.outputs.series.as_deref())?,
            ..OutputFiles::default()
        },
    })
}

/// The plan of `explain`.
pub(crate) fn of_explain(args: &ExplainArgs) -> Plan {
    Plan {
        captures: captures(&args.captures),
        models: models(&args.model, Some(&args.options)),
        options: options(&args.options),
        limits: limits(&args.options, None),
        selection: selection(&args.selection),
        growth: args.growth.growth(),
        enis: args.selection.enis.clone(),
        outputs: OutputFiles::default(),
    }
}

/// The captures as inputs.
pub(crate) fn captures(args: &CaptureArgs) -> Vec<Input> {
    args.captures.iter().map(Input::from_argument).collect()
}

/// The models.
pub(crate) fn models(args: &ModelArgs, options: Option<&OptionArgs>) -> ModelPaths {
    let changes = options.map_or(&[][..], |options| &options.changes);
    let later = changes.iter().map(|change| {
        let when = match change.when {
            Moment::At(time) => When::At(time),
            Moment::After(span) => When::After(span),
        };
        (when, change.model.clone())
    });
    ModelPaths {
        first: args.vpc.clone(),
        later: later.collect(),
        vpc_id: args.vpc_id.clone(),
        region: args.region.clone(),
    }
}

fn options(args: &OptionArgs) -> Options {
    Options {
        profile: args.profile,
        limit: args.limit,
        scope: args.scope,
        mode: args.mode,
        tcp_midstream: args.tcp_midstream,
        icmp_errors: args.icmp_errors,
        decap: args.decap,
        period: args.period,
        // Of several of one name the last one wins.
        timeouts: args.timeouts.iter().copied().collect(),
        always_tracked: args.always_tracked.clone(),
    }
}

fn limits(args: &OptionArgs, resources: Option<&ResourceArgs>) -> Limits {
    let default = Limits::default();
    let available = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Limits {
        flow_memory: args.flow_memory.unwrap_or(default.flow_memory),
        max_flows: args.max_flows.unwrap_or(default.max_flows),
        threads: resources.map_or(1, |resources| resources.threads.unwrap_or_else(available)),
        batch: resources.and_then(|resources| resources.batch).unwrap_or(default.batch),
    }
}

fn selection(args: &SelectionArgs) -> Selection {
    let bound = |moment: Moment| match moment {
        Moment::At(time) => TimeBound::At(time),
        Moment::After(span) => TimeBound::After(span),
    };
    Selection { since: args.since.map(bound), until: args.until.map(bound), first: args.first }
}

fn outputs(args: &OutputArgs) -> Result<OutputFiles, Failure> {
    refuse_unbuilt(args)?;
    check_summary(args.summary.as_deref())?;
    Ok(OutputFiles {
        verdicts: destination("--out", args.out.as_deref())?,
        connections: destination("--connections", args.connections.as_deref())?,
        series: destination("--series", args.series.as_deref())?,
    })
}

/// Where records go, and in which format.
fn destination(option: &str, path: Option<&Path>) -> Result<Option<(Target, Format)>, Failure> {
    let Some(path) = path else { return Ok(None) };
    let format = Format::from_path(path).map_err(|error| Failure::new(format!("{option}: {error}")))?;
    Ok(Some((target(path), format)))
}

/// Refuses a summary that is no JSON.
pub(crate) fn check_summary(path: Option<&Path>) -> Result<(), Failure> {
    match path.filter(|path| !is_json(path)) {
        None => Ok(()),
        Some(path) => Err(Failure::with_help(
            format!("--summary {}: the summary is written as JSON only", path.display()),
            "give the file the extension .json, or `-` for standard output",
        )),
    }
}

/// Where an output of this name goes.
pub(crate) fn target(path: &Path) -> Target {
    if path.as_os_str() == "-" { Target::Stdout } else { Target::File(path.to_owned()) }
}

/// Refuses outputs that are not built yet, by their names.
fn refuse_unbuilt(args: &OutputArgs) -> Result<(), Failure> {
    let unbuilt = [
        ("--flow-logs", &args.flow_logs),
        ("--annotate", &args.annotate),
        ("--split", &args.split),
        ("--metrics", &args.metrics),
        ("--report", &args.report),
    ];
    match unbuilt.iter().find(|(_, path)| path.is_some()) {
        None => Ok(()),
        Some((option, _)) => Err(Failure::with_help(
            format!("{option} is not built yet"),
            "leave it out; what can be written today is --out, --connections, --series and --summary",
        )),
    }
}

fn is_json(path: &Path) -> bool {
    path.as_os_str() == "-"
        || path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}
