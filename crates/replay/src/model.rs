//! Reading models from paths: `policy` knows documents only.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vpcreplay_engine::{Timeline, When};
use vpcreplay_policy::{self as policy, Document, Network, Options, Policy, Registry, Selection, Warning};

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
    Networks::load(paths)?.compile(options)
}

/// The models of a replay, read and validated, to be compiled under several options.
#[derive(Clone, Debug)]
pub(crate) struct Networks {
    pub(crate) first: Network,
    pub(crate) later: Vec<(When, Network)>,
    warnings: Vec<Vec<Warning>>,
}

impl Networks {
    /// Reads and validates the models at some paths.
    pub(crate) fn load(paths: &ModelPaths) -> Result<Self, ReplayError> {
        let selection = Selection { vpc_id: paths.vpc_id.clone(), region: paths.region.clone() };
        let load = |path: &Path| -> Result<_, ReplayError> {
            let loaded = policy::load(&read_documents(path)?, &selection)?;
            Ok((loaded.network, loaded.warnings))
        };
        let (first, warnings) = load(&paths.first)?;
        let mut networks = Self { first, later: Vec::new(), warnings: vec![warnings] };
        for (when, path) in &paths.later {
            let (network, warnings) = load(path)?;
            networks.later.push((*when, network));
            networks.warnings.push(warnings);
        }
        Ok(networks)
    }

    /// All models, the first one first.
    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut Network> {
        std::iter::once(&mut self.first).chain(self.later.iter_mut().map(|(_, network)| network))
    }

    /// Compiles the models under the options of the command line. Equal networks get equal numbers.
    pub(crate) fn compile(&self, options: &Options) -> Result<LoadedModels, ReplayError> {
        let mut registry = Registry::new();
        let mut warnings: Vec<Warning> = Vec::new();
        let mut of_models = self.warnings.iter();
        let mut compile = |network: &Network, first: Option<&Policy>| -> Result<Arc<Policy>, ReplayError> {
            let (compiled, more) = Policy::compile(network, options, first, &mut registry)?;
            for warning in of_models.next().into_iter().flatten().cloned().chain(more) {
                if !warnings.contains(&warning) {
                    warnings.push(warning);
                }
            }
            Ok(Arc::new(compiled))
        };
        let first = compile(&self.first, None)?;
        let mut later = Vec::new();
        for (when, network) in &self.later {
            later.push((*when, compile(network, Some(&first))?));
        }
        first.check_always_tracked(&registry)?;
        Ok(LoadedModels { timeline: Timeline { first, later, registry: Arc::new(registry) }, warnings })
    }
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
