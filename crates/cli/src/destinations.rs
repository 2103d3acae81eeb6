//! Outputs must not destroy inputs, nor each other.

use std::path::{Path, PathBuf};

use vpcreplay_replay::{CaptureSet, Input};

use crate::args::{OptionArgs, OutputArgs, RunArgs};
use crate::failure::Failure;

/// Refuses outputs that would overwrite a capture, a part of a model, or another output.
pub(crate) fn check(args: &RunArgs) -> Result<(), Failure> {
    check_all(&named(&args.outputs), (&args.model.vpc, &args.options), &args.captures.captures)
}

/// The same for outputs by their options.
pub(crate) fn check_all(
    outputs: &[(&str, &Path)],
    (model, options): (&Path, &OptionArgs),
    captures: &[PathBuf],
) -> Result<(), Failure> {
    refuse_twins(outputs)?;
    let models = model_paths(model, options);
    for (option, path) in outputs.iter().filter(|(_, path)| path.as_os_str() != "-") {
        refuse_model(option, path, &models)?;
        refuse_capture(option, path, captures)?;
    }
    Ok(())
}

/// Refuses an output that would overwrite one of these captures.
pub(crate) fn refuse_capture(option: &str, output: &Path, captures: &[PathBuf]) -> Result<(), Failure> {
    let Ok(output) = output.canonicalize() else { return Ok(()) };
    for capture in captures {
        let is_same = |name: &Path| name.canonicalize().is_ok_and(|name| name == output);
        // A file of a folder counts only if the folder's captures include it: other files there may be replaced.
        let is_member = || {
            capture.is_dir()
                && CaptureSet::open(&[Input::Path(capture.clone())])
                    .is_ok_and(|set| set.names().iter().any(|name| is_same(Path::new(name))))
        };
        if is_same(capture) || is_member() {
            return Err(Failure::with_help(
                format!(
                    "{option} {}: this is one of the captures, which would be overwritten",
                    output.display()
                ),
                "write to another file",
            ));
        }
    }
    Ok(())
}

/// The outputs that are asked for.
fn named(args: &OutputArgs) -> Vec<(&'static str, &Path)> {
    let all = [
        ("--out", &args.out),
        ("--connections", &args.connections),
        ("--series", &args.series),
        ("--summary", &args.summary),
    ];
    all.into_iter().filter_map(|(option, path)| Some((option, path.as_deref()?))).collect()
}

fn model_paths(first: &Path, options: &OptionArgs) -> Vec<PathBuf> {
    let later = options.changes.iter().map(|change| change.model.clone());
    std::iter::once(first.to_owned()).chain(later).collect()
}

/// Refuses two outputs to one place.
pub(crate) fn refuse_twins(outputs: &[(&str, &Path)]) -> Result<(), Failure> {
    for (index, (option, path)) in outputs.iter().enumerate() {
        let twin = outputs.iter().take(index).find(|(_, other)| resolved(other) == resolved(path));
        let Some((other, _)) = twin else { continue };
        let place =
            if path.as_os_str() == "-" { "standard output".to_owned() } else { path.display().to_string() };
        return Err(Failure::with_help(
            format!("{other} and {option} both go to {place}"),
            "give each output a file of its own",
        ));
    }
    Ok(())
}

fn refuse_model(option: &str, output: &Path, models: &[PathBuf]) -> Result<(), Failure> {
    let output = resolved(output);
    let is_part = |model: &PathBuf| model.canonicalize().is_ok_and(|model| output.starts_with(model));
    match models.iter().find(|model| is_part(model)) {
        None => Ok(()),
        Some(model) => Err(Failure::with_help(
            format!("{option} {}: this is part of the model {}", output.display(), model.display()),
            "write to a file outside the model",
        )),
    }
}

/// The path without links, also of a file that does not exist yet.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    if let Ok(whole) = path.canonicalize() {
        return whole;
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (parent.canonicalize(), path.file_name()) {
        (Ok(parent), Some(name)) => parent.join(name),
        _ => path.to_owned(),
    }
}
