//! What a finished replay says of itself: everything that the summary is made of.

use vpcreplay_engine::When;
use vpcreplay_flow::{Decap, Profile, Span, TimeoutName, Timestamp};
use vpcreplay_policy::{IcmpErrors, Mode, Options, Scope, TcpMidstream, Warning};
use vpcreplay_sinks::summary::{
    ClockCounts, Completion, InputFile, Notice, OptionInForce, OptionSource, PacketPlace, TunnelCounts,
};
use vpcreplay_sinks::{Summary, SummaryContext};

use crate::{CaptureSet, Feed, FeedStats, Growth, Limits, Plan, Report, Shift, Signal, Speed, TimeBound};

/// The limit of every allowance scope where nobody says otherwise (S7.3).
const DEFAULT_LIMIT: u64 = 65_535;
/// The period of the series where nobody says otherwise (S7.9).
const DEFAULT_PERIOD: Span = Span::from_secs(60);

/// The summary of a replay. It holds no elapsed time, speed or thread count (S1.5).
pub fn summarize(plan: &Plan, report: &Report) -> Summary {
    let in_force = (report.engine.policy().options(), report.warnings.as_slice());
    Summary::collect(&report.engine, context(plan, &report.feed, in_force, report.end))
}

/// What is known of a replay beside its engine.
pub(crate) fn context(
    plan: &Plan,
    feed: &Feed,
    (options, models): (&Options, &[Warning]),
    end: Signal,
) -> SummaryContext {
    let captures = feed.captures();
    let stats = feed.stats();
    SummaryContext {
        inputs: inputs(captures),
        skipped_files: captures
            .skipped()
            .iter()
            .map(|skipped| format!("{}: {}", skipped.name, skipped.found))
            .collect(),
        damages: captures.damages().iter().map(ToString::to_string).collect(),
        damage_count: captures.damage_count(),
        passed_over: stats.passed_over,
        span: stats.first_time.zip(stats.last_time),
        clock: ClockCounts {
            regressions: stats.clock_regressions,
            jumps: stats.clock_jumps,
            first_jump: stats.first_clock_jump.map(|(packet, file, frame)| PacketPlace {
                packet,
                file: captures.names().get(file).cloned().unwrap_or_default(),
                frame,
            }),
        },
        tunnels: TunnelCounts { vxlan: stats.vxlan_packets, geneve: stats.geneve_packets },
        fragments: stats.fragments_inherited,
        fragments_forgotten: stats.fragments_forgotten,
        options: options_in_force(plan, options),
        warnings: warnings(models, stats, captures.names()),
        completion: match end {
            Signal::Continue => Completion::Whole,
            Signal::Stop => Completion::Partial,
        },
    }
}

fn inputs(captures: &CaptureSet) -> Vec<InputFile> {
    let of = |file: crate::FileInfo| InputFile {
        file: file.name,
        format: file.format.to_string(),
        compression: file.compression.map(|compression| compression.to_string()),
        frames: file.frames,
    };
    captures.formats().into_iter().map(of).collect()
}

/// Warnings of the models, and those of engine time (S1.2).
fn warnings(models: &[Warning], stats: &FeedStats, files: &[String]) -> Vec<Notice> {
    let of = |warning: &Warning| Notice {
        code: warning.code.to_owned(),
        text: warning.text.clone(),
        count: warning.count,
    };
    // S1.2
    let jump = stats.first_clock_jump.map(|(_, file, frame)| Notice {
        code: "clock-jump".to_owned(),
        text: format!(
            "time steps forward by more than a day, first at frame {frame} of {}: connections expire there; --since and --until choose a part",
            files.get(file).map_or("", String::as_str)
        ),
        count: stats.clock_jumps,
    });
    models.iter().map(of).chain(jump).collect()
}

/// Every option in force, where its value comes from, in the order of the help.
fn options_in_force(plan: &Plan, merged: &Options) -> Vec<OptionInForce> {
    let given = &plan.options;
    let limits = &plan.limits;
    let mut options = vec![
        entry("profile", merged.profile.map(Profile::code), "classic", given.profile),
        entry("limit", merged.limit, DEFAULT_LIMIT, given.limit),
        entry("scope", merged.scope.map(Scope::code), "eni", given.scope),
        entry("mode", merged.mode.map(Mode::code), "causal", given.mode),
        entry("tcp-midstream", merged.tcp_midstream.map(TcpMidstream::code), "allow", given.tcp_midstream),
        entry("icmp-errors", merged.icmp_errors.map(IcmpErrors::code), "by-rule", given.icmp_errors),
        entry("decap", merged.decap.map(decap_code), "none", given.decap),
        entry("period", merged.period, DEFAULT_PERIOD, given.period),
    ];
    options.extend(bounds(limits));
    options.extend(TimeoutName::ALL.map(|name| timeout(name, plan, merged)));
    options.extend(always_tracked(plan, merged));
    options.extend(chosen(plan));
    options
}

/// An option with a default.
fn entry<T: ToString, G>(name: &str, value: Option<T>, default: T, given: Option<G>) -> OptionInForce {
    let source = match (&value, given) {
        (_, Some(_)) => OptionSource::CommandLine,
        (Some(_), None) => OptionSource::Model,
        (None, None) => OptionSource::Default,
    };
    let value = value.unwrap_or(default).to_string();
    OptionInForce { name: name.to_owned(), value, source: Some(source) }
}

/// Bounds that only the command line sets.
fn bounds(limits: &Limits) -> [OptionInForce; 2] {
    let default = Limits::default();
    let bound = |name: &str, value: String, default: String| {
        let source = if value == default { OptionSource::Default } else { OptionSource::CommandLine };
        OptionInForce { name: name.to_owned(), value, source: Some(source) }
    };
    [
        bound("flow-memory", limits.flow_memory.to_string(), default.flow_memory.to_string()),
        bound("max-flows", limits.max_flows.to_string(), default.max_flows.to_string()),
    ]
}

/// A timeout in force where no ENI has one of its own.
fn timeout(name: TimeoutName, plan: &Plan, merged: &Options) -> OptionInForce {
    let profile = vpcreplay_flow::Timeouts::of(merged.profile.unwrap_or_default());
    let default = format!("{}={}", name.code(), profile.get(name));
    let value = merged.timeouts.get(&name).map(|span| format!("{}={span}", name.code()));
    entry("timeout", value, default, plan.options.timeouts.get(&name))
}

fn always_tracked(plan: &Plan, merged: &Options) -> Vec<OptionInForce> {
    let given = &plan.options.always_tracked;
    let of = |peer: &String| {
        let source = if given.contains(peer) { OptionSource::CommandLine } else { OptionSource::Model };
        OptionInForce { name: "always-tracked".to_owned(), value: peer.clone(), source: Some(source) }
    };
    merged.always_tracked.iter().map(of).collect()
}

/// What the command line chooses of models and captures.
fn chosen(plan: &Plan) -> Vec<OptionInForce> {
    let models = &plan.models;
    let mut chosen: Vec<(&str, String)> = Vec::new();
    chosen.extend(models.vpc_id.clone().map(|id| ("vpc-id", id)));
    chosen.extend(models.region.clone().map(|name| ("region", name)));
    chosen.extend(models.later.iter().map(|(when, path)| {
        let when = match when {
            When::At(time) => seconds(*time),
            When::After(span) => format!("+{span}"),
        };
        ("at", format!("{when}={}", path.display()))
    }));
    chosen.extend(plan.enis.iter().map(|id| ("eni", id.clone())));
    chosen.extend(plan.selection.since.map(|bound| ("since", bound_text(bound))));
    chosen.extend(plan.selection.until.map(|bound| ("until", bound_text(bound))));
    chosen.extend(plan.selection.first.map(|count| ("first", count.to_string())));
    chosen.extend(grown(&plan.growth));
    let of = |(name, value): (&str, String)| OptionInForce {
        name: name.to_owned(),
        value,
        source: Some(OptionSource::CommandLine),
    };
    chosen.into_iter().map(of).collect()
}

/// How the command line makes more of the captures than they hold.
fn grown(growth: &Growth) -> impl Iterator<Item = (&'static str, String)> {
    let speed = (growth.speed != Speed::ONE).then(|| ("speed", growth.speed.to_string()));
    let shift = growth.shift.map(|Shift { most, seed }| {
        [("multiply-shift", most.to_string()), ("seed", seed.to_string())].into_iter()
    });
    let copies = growth.copies.map(|copies| ("multiply", copies.to_string()));
    copies.into_iter().chain(shift.into_iter().flatten()).chain(speed)
}

fn bound_text(bound: TimeBound) -> String {
    match bound {
        TimeBound::At(time) => seconds(time),
        TimeBound::After(span) => format!("+{span}"),
    }
}

/// A time as seconds since the epoch, as the command line takes it.
fn seconds(time: Timestamp) -> String {
    let nanos = time.nanos();
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let (whole, fraction) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    if fraction == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction:09}") }
}

const fn decap_code(decap: Decap) -> &'static str {
    match decap {
        Decap::None => "none",
        Decap::Vxlan => "vxlan",
        Decap::Geneve => "geneve",
    }
}
