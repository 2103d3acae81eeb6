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
    /// Shifted copies need a capture that can be read more than once.
    NotReadAgain {
        /// The capture's name.
        name: String,
    },
    /// More copies are to be shifted than can be.
    TooManyShifted {
        /// How many.
        copies: u16,
        /// How many can be.
        most: u16,
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
    /// Threads cannot be started.
    Threads {
        /// How many were asked for.
        threads: usize,
        /// Why.
        reason: String,
    },
    /// No connection was tracked: there is nothing to analyse.
    NothingTracked {
        /// What there is instead.
        found: String,
    },
    /// ENIs that were chosen, and no packet passes them.
    SilentEnis {
        /// Their ids.
        ids: Vec<String>,
    },
    /// Captures that can be read only once, where twice is needed.
    ReadOnce {
        /// What needs it.
        option: &'static str,
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
            Self::NotReadAgain { name } => {
                let name = if name == "-" { "standard input" } else { name };
                write!(
                    f,
                    "{name}: can be read only once, but every copy that --multiply-shift shifts reads the captures for itself. Save the capture to a file and name that, or leave --multiply-shift out"
                )
            }
            Self::TooManyShifted { copies, most } => write!(
                f,
                "--multiply {copies} with --multiply-shift: at most {most} copies can be shifted, because each reads the captures for itself. Take fewer copies, or leave --multiply-shift out"
            ),
            Self::Output { name, source } => write!(f, "{name}: cannot be written: {source}"),
            Self::UnknownEni { id, known } => {
                write!(f, "--eni {id}: no model has this ENI; known are {}", known.join(", "))
            }
            Self::Threads { threads, reason } => {
                write!(
                    f,
                    "--threads {threads}: the threads cannot be started: {reason}; --threads 1 needs none"
                )
            }
            Self::NothingTracked { found } => write!(
                f,
                "no connection is tracked in these captures, so there is nothing to size: {found}. `vpcreplay run` tells what became of each packet"
            ),
            Self::SilentEnis { ids } => write!(
                f,
                "--eni {}: no packet of the captures passes it; `vpcreplay inspect` lists the addresses that the captures have",
                ids.join(", ")
            ),
            Self::ReadOnce { option } => write!(
                f,
                "{option} reads the captures again, and standard input or a pipe can be read only once; save the capture to a file and name that"
            ),
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
            | Self::NotReadAgain { .. }
            | Self::TooManyShifted { .. }
            | Self::UnknownEni { .. }
            | Self::Threads { .. }
            | Self::Worlds { .. }
            | Self::NothingTracked { .. }
            | Self::SilentEnis { .. }
            | Self::ReadOnce { .. }
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
