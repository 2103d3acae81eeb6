//! The rules of one direction: compiled for the hot path, kept in words for `explain`.

use std::net::IpAddr;
use std::sync::Arc;

use vpcreplay_flow::{Direction, Protocol};

use crate::classifier::{Address, Classifier, Pattern};
use crate::network::{Action, Peer};
use crate::policy::{NaclAction, NaclMatch, RuleTrial};
use crate::probe::{Probe, Selector};
use crate::ranges::AddressSet;
use crate::registry::RuleId;
use crate::service::Service;

/// A rule with its peer's addresses.
#[derive(Clone, Debug)]
pub(crate) struct CompiledRule {
    pub(crate) id: RuleId,
    pub(crate) action: Action,
    pub(crate) service: Service,
    pub(crate) peer: Peer,
    pub(crate) addresses: Arc<AddressSet>,
}

/// The rules of one direction, in the order in which they are tried.
#[derive(Clone, Debug)]
pub(crate) struct RuleTable {
    v4: Family<u32>,
    v6: Family<u128>,
    rules: Vec<CompiledRule>,
}

/// The rules that have addresses of one family.
#[derive(Clone, Debug)]
struct Family<A> {
    classifier: Classifier<A>,
    outcomes: Vec<NaclMatch>,
}

impl<A: Address> Family<A> {
    #[inline(never)]
    fn first(&self, peer: A, protocol: Protocol, selector: Selector) -> Option<NaclMatch> {
        let position = self.classifier.first(peer, protocol, selector)?;
        self.outcomes.get(position).copied()
    }
}

impl RuleTable {
    pub(crate) fn new(rules: Vec<CompiledRule>) -> Self {
        let (v4_patterns, v4_outcomes) = family(&rules, AddressSet::v4);
        let (v6_patterns, v6_outcomes) = family(&rules, AddressSet::v6);
        Self {
            v4: Family { classifier: Classifier::new(&v4_patterns), outcomes: v4_outcomes },
            v6: Family { classifier: Classifier::new(&v6_patterns), outcomes: v6_outcomes },
            rules,
        }
    }

    /// The first rule that matches.
    #[expect(clippy::inline_always, reason = "callers that know the shape of the packet are compiled for it")]
    #[inline(always)]
    pub(crate) fn first(&self, probe: &Probe) -> Option<NaclMatch> {
        match probe.peer {
            IpAddr::V4(peer) => self.v4.first(peer.to_bits(), probe.protocol, probe.selector),
            IpAddr::V6(peer) => self.v6.first(peer.to_bits(), probe.protocol, probe.selector),
        }
    }

    /// The rules tried up to the first match, found without the classifier.
    pub(crate) fn explain(&self, direction: Direction, probe: &Probe) -> Vec<RuleTrial> {
        let mut trials = Vec::new();
        for rule in &self.rules {
            let trial = rule.attempt(direction, probe);
            let matched = trial.matched;
            trials.push(trial);
            if matched {
                break;
            }
        }
        trials
    }

    /// The rules' numbers, in order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = RuleId> {
        self.rules.iter().map(|rule| rule.id)
    }
}

fn family(
    rules: &[CompiledRule],
    ranges: impl Fn(&AddressSet) -> &[(u128, u128)],
) -> (Vec<Pattern<'_>>, Vec<NaclMatch>) {
    let of_family = rules.iter().filter(|rule| !ranges(&rule.addresses).is_empty());
    let pair = |rule: &'_ CompiledRule| {
        let action = match rule.action {
            Action::Allow => NaclAction::Allow,
            Action::Deny => NaclAction::Deny,
        };
        NaclMatch { rule: rule.id, action }
    };
    of_family.map(|rule| ((ranges(&rule.addresses), rule.service), pair(rule))).unzip()
}

impl CompiledRule {
    fn attempt(&self, direction: Direction, probe: &Probe) -> RuleTrial {
        let preposition = match direction {
            Direction::Ingress => "from",
            Direction::Egress => "to",
        };
        let text = format!("{} {} {preposition} {}", self.action, self.service, self.peer);
        let (matched, why) = match self.match_peer(probe.peer) {
            Err(why) => (false, why),
            Ok(peer_why) => match self.service.matches(probe) {
                Err(why) => (false, why),
                Ok(why) => (true, format!("{peer_why}, {why}")),
            },
        };
        RuleTrial { rule: self.id, text, matched, why }
    }

    fn match_peer(&self, peer: IpAddr) -> Result<String, String> {
        let is_member = self.addresses.contains(peer);
        if !is_member && !self.addresses.has_family_of(peer) {
            let family = if peer.is_ipv4() { "IPv4" } else { "IPv6" };
            return Err(format!("{peer} is {family}, and {} has no {family} addresses", self.peer));
        }
        match (is_member, &self.peer) {
            (true, Peer::Group(id)) => Ok(format!("{peer} is a member of {id}")),
            (false, Peer::Group(id)) => Err(format!("{peer} is no member of {id}")),
            (true, other) => Ok(format!("{peer} is in {other}")),
            (false, other) => Err(format!("{peer} is not in {other}")),
        }
    }
}
