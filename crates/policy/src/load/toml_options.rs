//! Reads `[options]`.

use toml::Spanned;
use vpcreplay_flow::{Decap, Profile, Span};

use crate::always_tracked::ListedPeer;
use crate::error::LoadError;
use crate::options::{IcmpErrors, Mode, Options, Scope, TcpMidstream};

use super::draft::{Draft, LimitOf};
use super::toml_dto::{self as dto, Word};
use super::toml_model::Reader;

/// Reads the table into the draft.
pub(super) fn read(
    reader: &Reader<'_>,
    options: Spanned<dto::Options>,
    draft: &mut Draft,
) -> Result<(), LoadError> {
    let origin = reader.origin(options.span());
    if let Some(other) = &draft.options_origin {
        return Err(origin.blame(
            LoadError::new(format!("`[options]` is in {} already", other.describe()))
                .remedy("Keep one table of options in a model."),
        ));
    }
    draft.options_origin = Some(origin);
    let given = options.into_inner();
    for (id, limit) in &given.limits {
        let origin = reader.origin(id.span());
        draft.limits.push(LimitOf { id: id.get_ref().clone(), limit: *limit, origin });
    }
    let mut always_tracked = Vec::new();
    for word in &given.always_tracked {
        reader.parse(word, ListedPeer::parse)?;
        always_tracked.push(word.get_ref().0.clone());
    }
    draft.options = Options {
        profile: choose(reader, given.profile.as_ref(), &Profile::ALL, Profile::code)?,
        limit: given.limit,
        scope: choose(reader, given.scope.as_ref(), Scope::ALL, Scope::code)?,
        mode: choose(reader, given.mode.as_ref(), Mode::ALL, Mode::code)?,
        tcp_midstream: choose(reader, given.tcp_midstream.as_ref(), TcpMidstream::ALL, TcpMidstream::code)?,
        icmp_errors: choose(reader, given.icmp_errors.as_ref(), IcmpErrors::ALL, IcmpErrors::code)?,
        decap: choose(reader, given.decap.as_ref(), &DECAPS, decap_code)?,
        period: given.period.as_ref().map(|word| reader.parse(word, period)).transpose()?,
        timeouts: reader.timeouts(&given.timeouts)?,
        always_tracked,
    };
    Ok(())
}

const DECAPS: [Decap; 3] = [Decap::None, Decap::Vxlan, Decap::Geneve];

const fn decap_code(decap: Decap) -> &'static str {
    match decap {
        Decap::None => "none",
        Decap::Vxlan => "vxlan",
        Decap::Geneve => "geneve",
    }
}

/// One of a closed set of names.
fn choose<T: Copy>(
    reader: &Reader<'_>,
    word: Option<&Word>,
    values: &[T],
    code: impl Fn(T) -> &'static str,
) -> Result<Option<T>, LoadError> {
    let pick = |text: &str| {
        values.iter().copied().find(|value| code(*value) == text).ok_or_else(|| {
            let names: Vec<&str> = values.iter().map(|value| code(*value)).collect();
            LoadError::new(format!("`{text}` is not a value of this option")).expected(names.join(", "))
        })
    };
    word.map(|word| reader.parse(word, pick)).transpose()
}

/// The period of the series: longer than nothing.
fn period(text: &str) -> Result<Span, LoadError> {
    let span: Span =
        text.parse().map_err(|error: vpcreplay_flow::SpanError| LoadError::new(error.to_string()))?;
    if span == Span::default() {
        return Err(LoadError::new("a period of 0 has no rows").expected("a duration such as 60s"));
    }
    Ok(span)
}
