//! Documents in, a validated network out.

mod assemble;
mod aws;
mod draft;
mod read;
mod recognise;
mod references;
mod select;
mod toml_dto;
mod toml_model;
mod toml_options;

use std::ops::Range;
use std::sync::Arc;

use crate::error::{LoadError, Place};
use crate::{Document, Loaded, Selection};

use draft::Draft;
use recognise::Kind;

/// Loads a model from its documents; their order does not matter but for the order of what they describe.
///
/// # Errors
/// Anything that is not understood or contradicts itself, with its place and the remedy.
pub fn load(documents: &[Document], selection: &Selection) -> Result<Loaded, LoadError> {
    if documents.is_empty() {
        return Err(LoadError::new("the model has no documents")
            .expected("AWS CLI output (JSON) or a TOML model")
            .remedy("Name a file, or a directory with files, with --vpc."));
    }
    let mut draft = Draft::default();
    let mut collection = aws::Collection::default();
    for document in documents {
        let name: Arc<str> = document.name.as_str().into();
        let text = recognise::text_of(document)?;
        match recognise::kind_of(text) {
            Kind::Json => collection.add(&name, text)?,
            Kind::Toml => toml_model::load(&name, text, &mut draft)?,
            Kind::Refused(error) => return Err(error.in_document(&*name)),
        }
    }
    aws::read_into(&mut draft, &collection)?;
    assemble::assemble(draft, selection)
}

/// Line and column of a span of a text.
fn text_place(text: &str, span: Range<usize>) -> Place {
    let before = text.get(..span.start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Place::Text {
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..).map_or(0, |line| line.chars().count()) + 1,
        span,
    }
}
