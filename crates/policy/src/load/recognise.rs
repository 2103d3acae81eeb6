//! What a document is, by its content.

use crate::Document;
use crate::error::LoadError;

/// The kinds of text that a model is made of.
pub(crate) enum Kind {
    Json,
    Toml,
    /// A format that is known but not read.
    Refused(LoadError),
}

/// The document's text.
pub(crate) fn text_of(document: &Document) -> Result<&str, LoadError> {
    let bytes = document.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&document.bytes);
    let error = match (bytes, std::str::from_utf8(bytes)) {
        ([0xff, 0xfe, ..] | [0xfe, 0xff, ..], _) => LoadError::new("the document is UTF-16")
            .expected("UTF-8")
            .remedy("Save it as UTF-8; in PowerShell pipe through `Out-File -Encoding utf8`."),
        (_, Ok(text)) if !text.trim().is_empty() => return Ok(text),
        (_, Ok(_)) => LoadError::new("the document is empty")
            .expected("AWS CLI output (JSON) or a TOML model")
            .remedy("Collect it again, or take it out of the model."),
        (_, Err(error)) => LoadError::new(format!("byte {} is not UTF-8 text", error.valid_up_to()))
            .expected("AWS CLI output (JSON) or a TOML model, in UTF-8")
            .remedy("Take the file out of the model if it is none of its documents."),
    };
    Err(error.in_document(&document.name))
}

/// What the text is: JSON by its first character, else TOML unless it is plainly something else.
pub(crate) fn kind_of(text: &str) -> Kind {
    let trimmed = text.trim_start();
    let after_bracket = trimmed.strip_prefix('[').map(str::trim_start);
    let is_json_list = after_bracket.is_some_and(|rest| rest.starts_with(['{', ']']));
    if trimmed.starts_with('{') || is_json_list {
        return Kind::Json;
    }
    let has_line = |starts: &[&str]| {
        text.lines().any(|line| starts.iter().any(|start| line.trim_start_matches('"').starts_with(start)))
    };
    if has_line(&["AWSTemplateFormatVersion", "Resources:"]) {
        return Kind::Refused(not_supported("a CloudFormation template (YAML)"));
    }
    if has_line(&["resource \"aws_", "module \"", "terraform {", "provider \"aws\""]) {
        return Kind::Refused(not_supported("Terraform source"));
    }
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    if first.is_some_and(|line| !line.starts_with('[') && !line.contains('=')) {
        let error = LoadError::new("this is neither JSON nor TOML")
            .expected("AWS CLI output (JSON) or a TOML model")
            .remedy("Take the file out of the model if it is none of its documents.");
        return Kind::Refused(error);
    }
    Kind::Toml
}

/// The error for a format that is known by name.
pub(crate) fn not_supported(format: &str) -> LoadError {
    LoadError::new(format!("this is {format}, which is not supported yet"))
        .expected("AWS CLI output (JSON) or a TOML model")
        .remedy("Collect the model of the deployed network with the AWS CLI, or write it by hand in TOML.")
}
