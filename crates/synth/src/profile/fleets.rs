//! Reads `[[fleet]]`.

use std::collections::BTreeMap;

use toml::Spanned;
use vpcreplay_flow::{Span, TimeoutName};

use super::dto::{self, Word};
use super::words::{self, Reader};
use super::{Class, Egress, Fleet, MOST_ENIS, MOST_FLEETS, Party};
use crate::SynthError;

pub(super) fn read(reader: &Reader<'_>, given: &[Spanned<dto::Fleet>]) -> Result<Vec<Fleet>, SynthError> {
    if let Some(fleet) = given.get(MOST_FLEETS) {
        let error = SynthError::new("the profile has too many fleets")
            .expected(format!("{MOST_FLEETS} at most: their subnets fill the VPC"))
            .found(given.len().to_string());
        return Err(reader.blame(fleet.span(), error));
    }
    let mut fleets: Vec<Fleet> = Vec::new();
    for fleet in given {
        let read = read_one(reader, fleet.get_ref())?;
        if fleets.iter().any(|other| other.name == read.name) {
            let error = SynthError::new(format!("two fleets are called `{}`", read.name));
            return Err(
                reader.blame(fleet.get_ref().name.span(), error.remedy("Give each fleet a name of its own."))
            );
        }
        fleets.push(read);
    }
    Ok(fleets)
}

fn read_one(reader: &Reader<'_>, fleet: &dto::Fleet) -> Result<Fleet, SynthError> {
    let count =
        |word: &Option<Word>| reader.read_or(word.as_ref(), 1, |text| words::integer(text, 1, MOST_ENIS));
    let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    let name = reader.read(&fleet.name, fleet_name)?;
    let limit = |word| reader.read(word, |text| words::integer(text, 0, u64::MAX));
    Ok(Fleet {
        name,
        enis: small(count(&fleet.enis)?),
        enis_per_instance: small(count(&fleet.enis_per_instance)?),
        interface_type: fleet.interface_type.as_ref().map(|word| reader.read(word, kind)).transpose()?,
        egress: reader.read_or(fleet.egress.as_ref(), Egress::Needed, |text| {
            words::one_of(&[("needed", Egress::Needed), ("all", Egress::All)], text)
        })?,
        limit: fleet.limit.as_ref().map(limit).transpose()?,
        timeouts: timeouts(reader, &fleet.timeouts)?,
    })
}

fn fleet_name(text: &str) -> Result<String, SynthError> {
    match words::name(text)? {
        name if name == super::classes::INTERNET => {
            Err(SynthError::new("no fleet is called `internet`: it is what lies outside the VPC")
                .remedy("Give the fleet another name."))
        }
        name => Ok(name),
    }
}

/// An interface type as AWS writes it.
fn kind(text: &str) -> Result<String, SynthError> {
    let is_kind = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_kind {
        return Ok(text.to_owned());
    }
    Err(SynthError::new(format!("`{text}` is not an interface type")).expected("such as \"nat_gateway\""))
}

/// Timeouts of the fleet's interfaces: any span of at least a second (S7.3).
fn timeouts(
    reader: &Reader<'_>,
    given: &BTreeMap<Spanned<String>, Word>,
) -> Result<BTreeMap<TimeoutName, Span>, SynthError> {
    let mut timeouts = BTreeMap::new();
    for (name, word) in given {
        let known = TimeoutName::parse(name.get_ref()).ok_or_else(|| {
            let names = TimeoutName::ALL.map(TimeoutName::code).join(", ");
            let error = SynthError::new(format!("`{}` is not the name of a timeout", name.get_ref()));
            reader.blame(name.span(), error.expected(names))
        })?;
        let span = reader.read(word, |text| match words::span(text)? {
            short if short < Span::SECOND => {
                Err(SynthError::new(format!("`{text}` is too short")).expected("at least \"1s\""))
            }
            span => Ok(span),
        })?;
        timeouts.insert(known, span);
    }
    Ok(timeouts)
}

/// Every interface of the model appears in the capture, so every fleet is an end of a class.
pub(super) fn refuse_idle(
    reader: &Reader<'_>,
    given: &[Spanned<dto::Fleet>],
    classes: &[Class],
) -> Result<(), SynthError> {
    for (index, fleet) in given.iter().enumerate() {
        let party = Party::Fleet(index);
        if classes.iter().all(|class| class.from != party && class.to != party) {
            let name = &fleet.get_ref().name;
            let error = SynthError::new(format!("the fleet `{}` is in no class", name.get_ref().0));
            return Err(reader
                .blame(name.span(), error.remedy("Name it as `from` or `to` of a class, or leave it out.")));
        }
    }
    Ok(())
}
