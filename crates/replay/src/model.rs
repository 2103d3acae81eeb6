//! Reading models from paths: `policy` knows documents only.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vpcreplay_engine::{Timeline, When};
use vpcreplay_policy::{self as policy, Document, Options, Policy, Registry, Selection, Warning};

use crate::ReplayError;

/// Where the models of a replay are.
#[derive(Clone, Debug)]
pub struct ModelPaths {
    /// The model in force from the start: a file or a folder.
    pub first: PathBuf,
    /// Later models and when they come into force, in the order given (S10.1).
    pub later: Vec<(When, PathBuf)>,
    /// Only this VPC.
    pub vpc_id: Option<String>,
    /// Only VPCs of this region.
    pub region: Option<String>,
}

/// The models of a replay, compiled.
#[derive(Debug)]
pub struct LoadedModels {
    /// The models and the names behind their numbers.
    pub timeline: Timeline,
    /// What the user should know about them.
    pub warnings: Vec<Warning>,
}

/// Reads, validates and compiles the models of a replay under the options of the command line.
///
/// # Errors
/// A path that cannot be read or a model that does not load.
pub fn load_models(paths: &ModelPaths, options: &Options) -> Result<LoadedModels, ReplayError> {
    let selection = Selection { vpc_id: paths.vpc_id.clone(), region: paths.region.clone() };
    let mut registry = Registry::new();
    let mut warnings = Vec::new();
    let mut compile = |path: &Path, first: Option<&Policy>| -> Result<Arc<Policy>, ReplayError> {
        let loaded = policy::load(&read_documents(path)?, &selection)?;
        let (compiled, more) = Policy::compile(&loaded.network, options, first, &mut registry)?;
        let fresh = loaded.warnings.into_iter().chain(more).filter(|warning| !warnings.contains(warning));
        let fresh: Vec<Warning> = fresh.collect();
        warnings.extend(fresh);
        Ok(Arc::new(compiled))
    };
    let first = compile(&paths.first, None)?;
    let mut later = Vec::new();
    for (when, path) in &paths.later {
        later.push((*when, compile(path, Some(&first))?));
    }
    first.check_always_tracked(&registry)?;
    Ok(LoadedModels { timeline: Timeline { first, later, registry: Arc::new(registry) }, warnings })
}

/// The documents at a path: the file itself, or every file of a folder and its subfolders, by name.
pub(crate) fn read_documents(path: &Path) -> Result<Vec<Document>, ReplayError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| ReplayError::ModelPath { path, source }
    };
    let is_folder = fs::metadata(path).map_err(at(path))?.is_dir();
    if !is_folder {
        return Ok(vec![read_document(path).map_err(at(path))?]);
    }
    let mut files = Vec::new();
    collect_files(path, &mut files).map_err(at(path))?;
    files.sort();
    if files.is_empty() {
        return Err(ReplayError::EmptyModel { path: path.to_owned() });
    }
    files.iter().map(|file| read_document(file).map_err(at(file))).collect()
}

fn collect_files(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect_files(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn read_document(path: &Path) -> io::Result<Document> {
    Ok(Document { name: path.display().to_string(), bytes: fs::read(path)? })
}
