//! `vpcreplay synth`.

mod report;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::path::Path;

use vpcreplay_replay::synth::{self, NAMED, Named, Profile, Settings, Traffic, Written};
use vpcreplay_replay::{Progress, ReplayError, Signal, Target};

use crate::args::SynthArgs;
use crate::exit::Status;
use crate::failure::Failure;
use crate::progress::{Bar, Watch};
use crate::screen::{self, Channel};
use crate::{destinations, plan};

/// A profile is a page of text; what is longer is something else.
const LONGEST_PROFILE: u64 = 1 << 20;

/// Writes a synthetic capture and the model that fits it, or shows profiles.
pub(crate) fn synth(args: &SynthArgs) -> Result<Status, Failure> {
    let (false, Some(path)) = (args.show.list, &args.profile) else {
        return screen::print(Channel::Stdout, &list()).map(|()| Status::Done);
    };
    let source = Source::find(path)?;
    let profile = Profile::parse(&source.name, &source.text)?;
    if args.show.print {
        return screen::print(Channel::Stdout, &source.text).map(|()| Status::Done);
    }
    refuse_destruction(args, &source)?;
    let settings = settings(args, &profile);
    let mut traffic = Traffic::new(&profile, &settings)?;
    if let Some(path) = &args.vpc_out {
        write_model(path, &profile)?;
    }
    match &args.output {
        Some(output) => capture(args, output, &settings, &mut traffic),
        None => Ok(Status::Done),
    }
}

/// The text of a profile and where it comes from.
struct Source {
    name: String,
    text: String,
    /// Whether it is a file that an output could overwrite.
    is_file: bool,
}

impl Source {
    /// A profile by its name, or else a file.
    fn find(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        if let Some(named) = Named::find(&name) {
            return Ok(Self { name, text: named.toml.to_owned(), is_file: false });
        }
        let looks_like_name = path.components().count() == 1 && path.extension().is_none();
        if looks_like_name && !path.exists() {
            let names: Vec<&str> = NAMED.iter().map(|named| named.name).collect();
            return Err(Failure::with_help(
                format!(
                    "there is no profile `{name}`\n  expected {}, or the path of a TOML file",
                    names.join(", ")
                ),
                "`vpcreplay synth --list` says what each is for",
            ));
        }
        let text = read(path).map_err(|error| {
            Failure::with_help(
                format!("{name}: the profile cannot be read: {error}"),
                "name a TOML file that you may read, or one of the profiles of `vpcreplay synth --list`",
            )
        })?;
        Ok(Self { name, text, is_file: true })
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let length = File::open(path)?.take(LONGEST_PROFILE + 1).read_to_string(&mut text)?;
    if length as u64 > LONGEST_PROFILE {
        return Err(io::Error::other("it is longer than a megabyte, so it is no profile"));
    }
    Ok(text)
}

/// The profiles that have names, a paragraph each.
fn list() -> String {
    let width = NAMED.iter().map(|named| named.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for named in NAMED {
        let description = named.profile().map(|profile| profile.description().to_owned()).unwrap_or_default();
        let _ = writeln!(text, "{:width$}  {description}", named.name);
    }
    text.push_str("\n`vpcreplay synth NAME --print` prints a profile, to start one of your own from.\n");
    text
}

/// No output overwrites the profile or another output.
fn refuse_destruction(args: &SynthArgs, source: &Source) -> Result<(), Failure> {
    let outputs = [("--output", &args.output), ("--vpc-out", &args.vpc_out)];
    let named: Vec<(&'static str, &Path)> =
        outputs.into_iter().filter_map(|(option, path)| Some((option, path.as_deref()?))).collect();
    destinations::refuse_twins(&named)?;
    let profile = args.profile.as_deref().filter(|_| source.is_file);
    for (option, path) in named {
        if profile.is_some_and(|profile| destinations::resolved(profile) == destinations::resolved(path)) {
            return Err(Failure::with_help(
                format!("{option} {}: this is the profile, which would be overwritten", path.display()),
                "write to another file",
            ));
        }
    }
    Ok(())
}

fn settings(args: &SynthArgs, profile: &Profile) -> Settings {
    let bounds = &args.bounds;
    let is_bounded = bounds.packets.is_some() || bounds.connections.is_some();
    Settings {
        seed: bounds.seed,
        start: bounds.start.unwrap_or(Settings::START),
        rate: bounds.rate,
        duration: bounds.duration.or_else(|| (!is_bounded).then(|| profile.duration())),
        packets: bounds.packets,
        connections: bounds.connections,
    }
}

fn write_model(path: &Path, profile: &Profile) -> Result<(), Failure> {
    let text = synth::model(profile);
    match plan::target(path) {
        Target::Stdout => screen::print(Channel::Stdout, &text),
        Target::File(file) => Ok(fs::write(&file, text)
            .map_err(|source| ReplayError::Output { name: file.display().to_string(), source })?),
    }
}

fn capture(
    args: &SynthArgs,
    output: &Path,
    settings: &Settings,
    traffic: &mut Traffic,
) -> Result<Status, Failure> {
    let target = plan::target(output);
    let unwritable = |source| ReplayError::Output { name: target.name(), source };
    let out: Box<dyn Write> = match &target {
        Target::Stdout => Box::new(io::stdout().lock()),
        Target::File(file) => Box::new(File::create(file).map_err(unwritable)?),
    };
    let mut watch = Watch::start(if args.quiet || args.no_progress { Bar::Hidden } else { Bar::Shown });
    let mut bytes = 0;
    let result = synth::write(traffic, out, |traffic, written| {
        bytes = written;
        match watch.update(
            written,
            report::expected_bytes(traffic, settings, written),
            traffic.totals().packets,
        ) {
            Signal::Continue => ControlFlow::Continue(()),
            Signal::Stop => ControlFlow::Break(()),
        }
    });
    let elapsed = watch.finish();
    let written = result.map_err(unwritable)?;
    report::warn(traffic.totals());
    if written == Written::Stopped {
        screen::warning("stopped: the capture ends here, it is valid");
    }
    if !args.quiet {
        screen::print(Channel::Stderr, &report::text(traffic, settings, (&target.name(), bytes)))?;
        if let (Target::File(capture), Some(model)) = (&target, &args.vpc_out) {
            screen::note(&format!(
                "replay it: vpcreplay run {} --vpc {}",
                capture.display(),
                model.display()
            ));
        }
        report::pace(traffic.totals().packets, elapsed);
    }
    Ok(if written == Written::Stopped { Status::Interrupted } else { Status::Done })
}
