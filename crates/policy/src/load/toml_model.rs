//! Reads hand-written models.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use vpcreplay_flow::{Direction, Span, TimeoutName};

use crate::cidr::Cidr;
use crate::error::LoadError;
use crate::network::{Action, NaclEntry};
use crate::service::Service;

use super::draft::{
    Author, Draft, DraftPeer, DraftRule, EniBody, GroupBody, LimitOf, NaclBody, Origin, Part, PrefixListBody,
    Ref, SubnetBody, VpcBody,
};
use super::toml_dto::{self as dto, Word};
use super::{read, text_place};

/// Reads one TOML document into the draft.
pub(crate) fn load(name: &Arc<str>, text: &str, draft: &mut Draft) -> Result<(), LoadError> {
    let reader = Reader { name, text };
    let model: dto::Model = toml::from_str(text).map_err(|error| {
        let located = LoadError::new(read::plain(error.message())).in_document(&**name);
        match error.span() {
            Some(span) => located.at(text_place(text, span)),
            None => located,
        }
    })?;
    if let Some(options) = model.options {
        super::toml_options::read(&reader, options, draft)?;
    }
    for vpc in &model.vpc {
        draft.vpcs.push(reader.vpc(vpc)?);
    }
    for subnet in &model.subnet {
        draft.subnets.push(reader.subnet(subnet)?);
    }
    for eni in &model.eni {
        let part = reader.eni(eni)?;
        if let Some(limit) = eni.get_ref().limit {
            draft.limits.push(LimitOf { id: part.id.clone(), limit, origin: part.origin.clone() });
        }
        draft.enis.push(part);
    }
    for group in &model.security_group {
        draft.groups.push(reader.group(group)?);
    }
    for nacl in &model.nacl {
        draft.nacls.push(reader.nacl(nacl)?);
    }
    for list in &model.prefix_list {
        let entries = list.get_ref().entries.iter().map(|entry| reader.parse(entry, read::cidr_or_address));
        let body = PrefixListBody { entries: Some(entries.collect::<Result<_, _>>()?) };
        draft.prefix_lists.push(reader.part(&list.get_ref().id, None, body)?);
    }
    Ok(())
}

/// A document being read.
pub(super) struct Reader<'a> {
    name: &'a Arc<str>,
    text: &'a str,
}

impl Reader<'_> {
    pub(super) fn origin(&self, span: Range<usize>) -> Origin {
        Origin { document: Arc::clone(self.name), author: Author::User, place: text_place(self.text, span) }
    }

    /// Reads a text; an error gets its place.
    pub(super) fn parse<T>(
        &self,
        word: &Word,
        read: impl Fn(&str) -> Result<T, LoadError>,
    ) -> Result<T, LoadError> {
        read(&word.get_ref().0).map_err(|error| self.origin(word.span()).blame(error))
    }

    fn all<T>(
        &self,
        words: &[Word],
        read: impl Fn(&str) -> Result<T, LoadError>,
    ) -> Result<Vec<T>, LoadError> {
        words.iter().map(|word| self.parse(word, &read)).collect()
    }

    fn reference(&self, word: &Word) -> Ref {
        Ref { id: word.get_ref().0.clone(), origin: self.origin(word.span()) }
    }

    fn part<T>(&self, id: &Word, vpc: Option<&Word>, body: T) -> Result<Part<T>, LoadError> {
        let origin = self.origin(id.span());
        let vpc = vpc.map(|vpc| self.reference(vpc));
        let id = id.get_ref().0.clone();
        if id.is_empty() {
            return Err(
                origin.blame(LoadError::new("the id is empty").expected("a name that is used only once"))
            );
        }
        Ok(Part { id, vpc, region: None, origin, body })
    }

    fn vpc(&self, vpc: &Spanned<dto::Vpc>) -> Result<Part<VpcBody>, LoadError> {
        let vpc = vpc.get_ref();
        self.part(&vpc.id, None, VpcBody { cidrs: self.all(&vpc.cidrs, read::cidr)? })
    }

    fn subnet(&self, subnet: &Spanned<dto::Subnet>) -> Result<Part<SubnetBody>, LoadError> {
        let subnet = subnet.get_ref();
        let nacl = subnet.nacl.as_ref().map(|nacl| self.reference(nacl));
        let body = SubnetBody { cidrs: self.all(&subnet.cidrs, read::cidr)?, nacl };
        self.part(&subnet.id, subnet.vpc.as_ref(), body)
    }

    fn eni(&self, eni: &Spanned<dto::Eni>) -> Result<Part<EniBody>, LoadError> {
        let eni = eni.get_ref();
        let body = EniBody {
            subnet: self.reference(&eni.subnet),
            addresses: self.all(&eni.addresses, read::address)?,
            prefixes: self.all(&eni.prefixes, read::cidr)?,
            security_groups: eni.security_groups.iter().map(|group| self.reference(group)).collect(),
            instance: eni.instance.as_ref().map(|instance| instance.get_ref().0.clone()),
            interface_type: eni.interface_type.as_ref().map(|kind| kind.get_ref().0.clone()),
            timeouts: self.timeouts(&eni.timeouts)?,
        };
        self.part(&eni.id, None, body)
    }

    /// Timeouts of the user: any span of at least a second (S7.3).
    pub(super) fn timeouts(
        &self,
        given: &BTreeMap<Spanned<String>, Word>,
    ) -> Result<BTreeMap<TimeoutName, Span>, LoadError> {
        let mut timeouts = BTreeMap::new();
        for (name, span) in given {
            let known = TimeoutName::parse(name.get_ref()).ok_or_else(|| {
                let names = TimeoutName::ALL.map(TimeoutName::code).join(", ");
                self.origin(name.span()).blame(
                    LoadError::new(format!("`{}` is not the name of a timeout", name.get_ref()))
                        .expected(names),
                )
            })?;
            timeouts.insert(known, self.parse(span, at_least_a_second)?);
        }
        Ok(timeouts)
    }

    fn group(&self, group: &Spanned<dto::SecurityGroup>) -> Result<Part<GroupBody>, LoadError> {
        let group = group.get_ref();
        let id = &group.id.get_ref().0;
        let egress = match &group.egress {
            Some(rules) => self.group_rules(id, Direction::Egress, rules)?,
            None => allow_all(id),
        };
        let body = GroupBody {
            members: self.all(&group.members, read::cidr_or_address)?,
            ingress: self.group_rules(id, Direction::Ingress, &group.ingress)?,
            egress,
        };
        self.part(&group.id, None, body)
    }

    fn group_rules(
        &self,
        group: &str,
        direction: Direction,
        rules: &[Spanned<dto::GroupRule>],
    ) -> Result<Vec<DraftRule>, LoadError> {
        let read = |(number, rule): (usize, &Spanned<dto::GroupRule>)| {
            let place = rule.span();
            let rule = rule.get_ref();
            Ok(DraftRule {
                name: rule_name(group, direction, number),
                service: self.service(place, (&rule.protocol, &rule.ports, &rule.icmp))?,
                peer: self.peer(&rule.peer)?,
            })
        };
        (1..).zip(rules).map(read).collect()
    }

    fn service(
        &self,
        place: Range<usize>,
        (protocol, ports, icmp): (&Option<Word>, &Option<Word>, &Option<Word>),
    ) -> Result<Service, LoadError> {
        let text = |word: &'_ Option<Word>| word.as_ref().map(|word| word.get_ref().0.clone());
        let (protocol_text, ports_text, icmp_text) = (text(protocol), text(ports), text(icmp));
        read::service(protocol_text.as_deref(), ports_text.as_deref(), icmp_text.as_deref())
            .map_err(|error| self.origin(place).blame(error))
    }

    /// A CIDR, an address, or the id of a group or prefix list.
    fn peer(&self, word: &Word) -> Result<DraftPeer, LoadError> {
        let text = &word.get_ref().0;
        if !text.contains(['/', ':']) && text.contains(char::is_alphabetic) {
            return Ok(DraftPeer::Named(self.reference(word)));
        }
        self.parse(word, read::cidr_or_address).map(DraftPeer::Cidr)
    }

    fn nacl(&self, nacl: &Spanned<dto::Nacl>) -> Result<Part<NaclBody>, LoadError> {
        let nacl = nacl.get_ref();
        let body = NaclBody {
            is_default: false,
            subnets: Vec::new(),
            ingress: self.nacl_entries(&nacl.ingress)?,
            egress: self.nacl_entries(&nacl.egress)?,
        };
        self.part(&nacl.id, None, body)
    }

    fn nacl_entries(&self, rules: &[Spanned<dto::NaclRule>]) -> Result<Vec<NaclEntry>, LoadError> {
        let mut entries: BTreeMap<u16, NaclEntry> = BTreeMap::new();
        for rule in rules {
            let place = rule.span();
            let rule = rule.get_ref();
            let number = self.rule_number(&rule.rule)?;
            let entry = NaclEntry {
                number,
                action: self.parse(&rule.action, action)?,
                service: self.service(place, (&rule.protocol, &rule.ports, &rule.icmp))?,
                peer: self.nacl_peer(&rule.peer)?,
            };
            if entries.insert(number, entry).is_some() {
                return Err(self.origin(rule.rule.span()).blame(
                    LoadError::new(format!("rule number {number} occurs twice in one direction of the ACL"))
                        .remedy(
                            "Give each entry of a direction its own number; the lowest that matches decides.",
                        ),
                ));
            }
        }
        Ok(entries.into_values().collect())
    }

    fn rule_number(&self, number: &Spanned<i64>) -> Result<u16, LoadError> {
        let valid = u16::try_from(*number.get_ref()).ok().filter(|number| (1..=32766).contains(number));
        valid.ok_or_else(|| {
            self.origin(number.span()).blame(
                LoadError::new(format!("{} is not a rule number", number.get_ref()))
                    .expected("a number from 1 to 32766; the final `*` is implied"),
            )
        })
    }

    fn nacl_peer(&self, word: &Word) -> Result<Cidr, LoadError> {
        self.parse(word, |text| {
            read::cidr_or_address(text).map_err(|error| {
                if text.contains('/') { error } else { error.remedy("A network ACL knows only CIDRs.") }
            })
        })
    }
}

/// `allow` or `deny`.
pub(super) fn action(text: &str) -> Result<Action, LoadError> {
    match text {
        "allow" => Ok(Action::Allow),
        "deny" => Ok(Action::Deny),
        _ => Err(LoadError::new(format!("`{text}` is not an action")).expected("allow or deny")),
    }
}

/// A duration of at least a second.
pub(super) fn at_least_a_second(text: &str) -> Result<Span, LoadError> {
    let span: Span =
        text.parse().map_err(|error: vpcreplay_flow::SpanError| LoadError::new(error.to_string()))?;
    if span < Span::SECOND {
        return Err(LoadError::new(format!("`{text}` is too short")).expected("at least 1s"));
    }
    Ok(span)
}

/// The name of a rule without an id of its own.
pub(super) fn rule_name(group: &str, direction: Direction, number: usize) -> String {
    format!("{group}#{}.{number}", direction.name())
}

/// What AWS gives a new group: all IPv4, all IPv6.
fn allow_all(group: &str) -> Vec<DraftRule> {
    let rule = |(number, cidr)| DraftRule {
        name: rule_name(group, Direction::Egress, number),
        service: Service::All,
        peer: DraftPeer::Cidr(cidr),
    };
    [(1, Cidr::ALL_V4), (2, Cidr::ALL_V6)].map(rule).into()
}
