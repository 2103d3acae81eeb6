//! Why a replay cannot start or go on.

use std::fmt;
use std::io;
use std::path::PathBuf;

use vpcreplay_capture::CaptureError;
use vpcreplay_policy::LoadError;

/// Why a replay cannot start or go on. The text says what, where, and the remedy.
#[derive(Debug)]
pub enum ReplayError {
    /// A capture cannot be read.
    Capture(CaptureError),
    /// A model does not load.
    Model(LoadError),
    /// The path of a model cannot be read.
    ModelPath {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder holds no document of a model.
    EmptyModel {
        /// The path.
        path: PathBuf,
    },
    /// An output cannot be written.
    Output {
        /// Its name.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// An ENI that was chosen is in no model.
    UnknownEni {
        /// The id that was given.
        id: String,
        /// Ids that the models have, some of them.
        known: Vec<String>,
    },
    /// Plans that cannot be replayed in one pass.
    Worlds {
        /// Why.
        what: String,
    },
    /// The packet, frame or connection asked for is not in the replay.
    NotFound {
        /// What was asked for.
        what: String,
        /// What there is instead.
        found: String,
    },
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capture(error) => write!(f, "{error}"),
            Self::Model(error) => write!(f, "{error}"),
            Self::ModelPath { path, source } => write!(
                f,
                "{}: the model cannot be read: {source}. Name a TOML file, a JSON document of the AWS CLI, or a folder of them with --vpc",
                path.display()
            ),
            Self::EmptyModel { path } => write!(
                f,
                "{}: the folder holds no model; expected TOML or JSON documents of the AWS CLI; found no such file. `vpcreplay inspect CAPTURE --model-out FILE` writes one to start from",
                path.display()
            ),
            Self::Output { name, source } => write!(f, "{name}: cannot be written: {source}"),
            Self::UnknownEni { id, known } => {
                write!(f, "--eni {id}: no model has this ENI; known are {}", known.join(", "))
            }
            Self::Worlds { what } => {
                write!(f, "{what}; replays of one pass share captures, selection and tunnel")
            }
            Self::NotFound { what, found } => write!(f, "{what} is not in the replay; {found}"),
        }
    }
}

impl std::error::Error for ReplayError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Capture(error) => Some(error),
            Self::Model(error) => Some(error),
            Self::ModelPath { source, .. } | Self::Output { source, .. } => Some(source),
            Self::EmptyModel { .. }
            | Self::UnknownEni { .. }
            | Self::Worlds { .. }
            | Self::NotFound { .. } => None,
        }
    }
}

impl From<CaptureError> for ReplayError {
    fn from(error: CaptureError) -> Self {
        Self::Capture(error)
    }
}

impl From<LoadError> for ReplayError {
    fn from(error: LoadError) -> Self {
        Self::Model(error)
    }
}
