//! The checkpoints of the path: what was tried, what was found, what changed.

use std::net::IpAddr;

use vpcreplay_engine::{Engine, EniId, State, Step, TcpMidstream, Verdict};
use vpcreplay_flow::{Checkpoint, Direction, PacketFacts, Protocol, Reason, Span, TcpKind, TimeoutName};
use vpcreplay_policy::{NaclAction, NaclMatch, Probe, RuleTrial};

use super::describe::protocol;
use super::{ConnectionState, EndStory, Found, Stage, Trial};

/// Source and destination and who they are to the model.
pub(super) fn ends(engine: &Engine, facts: &PacketFacts) -> Vec<EndStory> {
    let only = engine.settings().only.as_deref();
    let end = |side: &'static str, address: IpAddr| {
        let owner = engine.policy().owner(address);
        let is_left_out = |eni: &EniId| only.is_some_and(|only| !only.contains(eni));
        let note = match owner {
            Some(eni) if is_left_out(&eni) => "left out: --eni chooses others",
            Some(_) => "judged here",
            None if engine.policy().is_inside_vpc(address) => "inside the VPC, but of no ENI of the model",
            None => "outside the model",
        };
        EndStory {
            side,
            address: address.to_string(),
            eni: owner.map(|eni| engine.registry().eni_name(eni).to_owned()),
            note: note.to_owned(),
        }
    };
    vec![end("source", facts.src), end("destination", facts.dst)]
}

/// Why a packet is exempt (S3.6).
pub(super) fn exemption(engine: &Engine, facts: &PacketFacts) -> String {
    let policy = engine.policy();
    if policy.exempt_by_kind(facts) {
        return "DHCP and IPv6 neighbour discovery are never filtered (S3.6)".to_owned();
    }
    let address = if policy.owner(facts.dst).is_none() { facts.dst } else { facts.src };
    format!(
        "{address} is an address of the VPC's own services (DNS, DHCP, metadata, time, router), which neither layer filters (S3.6)"
    )
}

/// Every checkpoint that the packet came to.
pub(super) fn path(found: &Found) -> Vec<Stage> {
    let Some(facts) = found.facts() else { return Vec::new() };
    let teller = Teller { engine: &found.engine, facts };
    found.steps.iter().map(|step| teller.stage(step)).collect()
}

/// Checkpoints that would have come next, had the packet not been denied.
pub(super) fn not_reached(found: &Found) -> Vec<&'static str> {
    let Some(facts) = found.facts() else { return Vec::new() };
    let Some(last) = found.steps.last().map(checkpoint_of) else { return Vec::new() };
    let destination = found
        .engine
        .policy()
        .owner(facts.dst)
        .filter(|eni| found.engine.settings().only.as_ref().is_none_or(|only| only.contains(eni)));
    let all = [Checkpoint::SgEgress, Checkpoint::NaclEgress, Checkpoint::NaclIngress, Checkpoint::SgIngress];
    let expected = |checkpoint: &Checkpoint| match checkpoint {
        Checkpoint::SgEgress | Checkpoint::NaclEgress => true,
        Checkpoint::NaclIngress | Checkpoint::SgIngress => destination.is_some(),
    };
    all.into_iter().filter(|next| *next > last && expected(next)).map(Checkpoint::code).collect()
}

const fn checkpoint_of(step: &Step) -> Checkpoint {
    match step {
        Step::SecurityGroup { direction: Direction::Egress, .. } => Checkpoint::SgEgress,
        Step::SecurityGroup { direction: Direction::Ingress, .. } => Checkpoint::SgIngress,
        Step::NetworkAcl { checkpoint, .. } | Step::SameSubnet { checkpoint, .. } => *checkpoint,
    }
}

/// Tells steps in words.
struct Teller<'a> {
    engine: &'a Engine,
    facts: &'a PacketFacts,
}

/// A security group checkpoint.
struct Gate<'a> {
    eni: EniId,
    direction: Direction,
    probe: &'a Probe,
    before: Option<(u64, State)>,
    verdict: &'a Verdict,
}

impl Teller<'_> {
    fn stage(&self, step: &Step) -> Stage {
        match step {
            Step::SameSubnet { checkpoint, eni } => self.skipped(*checkpoint, *eni),
            Step::NetworkAcl { checkpoint, eni, probe, answer } => {
                self.nacl(*checkpoint, *eni, probe, *answer)
            }
            Step::SecurityGroup { eni, direction, probe, before, verdict } => {
                let before = before.map(|(number, state)| (number.get(), state));
                self.group(&Gate { eni: *eni, direction: *direction, probe, before, verdict })
            }
        }
    }

    fn blank(&self, checkpoint: Checkpoint, eni: EniId) -> Stage {
        Stage {
            checkpoint: checkpoint.code(),
            eni: self.engine.registry().eni_name(eni).to_owned(),
            outcome: "allow",
            reason: None,
            rule: None,
            before: None,
            tried: Vec::new(),
            tried_reversed: Vec::new(),
            after: None,
            notes: Vec::new(),
        }
    }

    fn skipped(&self, checkpoint: Checkpoint, eni: EniId) -> Stage {
        let note = "both addresses lie in the subnet, so its network ACL is not consulted (S3.5)".to_owned();
        Stage { outcome: "skipped", notes: vec![note], ..self.blank(checkpoint, eni) }
    }

    fn nacl(&self, checkpoint: Checkpoint, eni: EniId, probe: &Probe, answer: NaclMatch) -> Stage {
        let direction = match checkpoint {
            Checkpoint::NaclEgress | Checkpoint::SgEgress => Direction::Egress,
            Checkpoint::NaclIngress | Checkpoint::SgIngress => Direction::Ingress,
        };
        let (outcome, reason) = match answer.action {
            NaclAction::Allow => ("allow", None),
            NaclAction::Deny => ("deny", Some(Reason::NaclRule.code())),
            NaclAction::Default => ("deny", Some(Reason::NaclDefault.code())),
        };
        Stage {
            outcome,
            reason,
            rule: Some(self.engine.registry().rule_name(answer.rule).to_owned()),
            tried: self.trials(self.engine.policy().explain_nacl(eni, direction, probe)),
            ..self.blank(checkpoint, eni)
        }
    }

    fn group(&self, gate: &Gate<'_>) -> Stage {
        let verdict = gate.verdict;
        let checkpoint = verdict.checkpoint.unwrap_or(Checkpoint::SgIngress);
        let policy = self.engine.policy();
        let is_by_rules = !matches!(verdict.reason, Reason::Established | Reason::Related);
        let tried = if is_by_rules {
            policy.explain_security_group(gate.eni, gate.direction, gate.probe)
        } else {
            Vec::new()
        };
        let is_matched = tried.last().is_some_and(|trial| trial.matched);
        let reversed = (is_by_rules && !is_matched).then(|| self.reversed(gate)).flatten();
        let state = |(connection, state): (u64, State)| ConnectionState { connection, state: state.code() };
        Stage {
            outcome: if verdict.is_allowed() { "allow" } else { "deny" },
            reason: Some(verdict.reason.code()),
            rule: verdict.rule.map(|rule| self.engine.registry().rule_name(rule).to_owned()),
            before: gate.before.map(state),
            tried: self.trials(tried),
            tried_reversed: self.trials(reversed.unwrap_or_default()),
            after: verdict.connection.zip(verdict.state).map(|(number, after)| state((number.get(), after))),
            notes: self.group_notes(gate),
            ..self.blank(checkpoint, gate.eni)
        }
    }

    /// The rules of the opposite direction for the reversed flow, where they count (S7.5).
    fn reversed(&self, gate: &Gate<'_>) -> Option<Vec<RuleTrial>> {
        let is_either_end = self.engine.settings().tcp_midstream == TcpMidstream::EitherEnd;
        if !is_either_end || !self.is_midstream() {
            return None;
        }
        let probe = Probe::reversed(self.facts, gate.direction)?;
        Some(self.engine.policy().explain_security_group(gate.eni, gate.direction.opposite(), &probe))
    }

    fn is_midstream(&self) -> bool {
        self.facts.transport.tcp_flags().is_some_and(|flags| flags.kind() != TcpKind::Syn)
    }

    fn trials(&self, trials: Vec<RuleTrial>) -> Vec<Trial> {
        let named = |trial: RuleTrial| Trial {
            rule: self.engine.registry().rule_name(trial.rule).to_owned(),
            text: trial.text,
            matched: trial.matched,
            why: trial.why,
        };
        trials.into_iter().map(named).collect()
    }

    fn group_notes(&self, gate: &Gate<'_>) -> Vec<String> {
        let mut notes = vec![self.before_note(gate)];
        notes.extend(self.after_note(gate));
        notes
    }

    /// What the packet found.
    fn before_note(&self, gate: &Gate<'_>) -> String {
        let name = gate.direction.name();
        match (gate.verdict.reason, gate.before) {
            (Reason::Established, Some((number, state))) => format!(
                "connection {number} is live, {}: the packet passes whatever the rules say now (S6.3)",
                state.code()
            ),
            (Reason::Related, _) => {
                "the quoted flow has a live connection, and --icmp-errors related lets its errors pass (S6.3)"
                    .to_owned()
            }
            (_, Some((number, state))) => format!(
                "connection {number} was {}: the SYN removes it and is judged as new by the {name} rules (S7.6)",
                state.code()
            ),
            (_, None) if self.facts.flow().is_none() => {
                format!(
                    "with unknown ports the packet belongs to no flow; only {name} rules for all ports can match (S2.7)"
                )
            }
            (_, None) => format!("no live connection of this flow, so the {name} rules are tried"),
        }
    }

    /// What the checkpoint did.
    fn after_note(&self, gate: &Gate<'_>) -> Option<String> {
        let number = gate.verdict.connection.map_or(0, std::num::NonZero::get);
        match gate.verdict.reason {
            Reason::New => Some(format!("connection {number} is created: {}", self.life(gate)?)),
            Reason::Midstream => Some(format!(
                "not a SYN, so it belongs to a connection whose beginning was not seen or whose entry had ended; judged as new (S7.5): connection {number} is created, {}",
                self.life(gate)?
            )),
            Reason::Established => Some(format!("connection {number} is refreshed: {}", self.life(gate)?)),
            Reason::Untracked => Some(self.untracked_note(gate)),
            Reason::SgNoRule => self.no_rule_note(gate),
            Reason::TcpNotSyn => Some(
                "the rule matches, but with --tcp-midstream deny only a SYN opens a connection (S7.5)"
                    .to_owned(),
            ),
            Reason::ConntrackAllowanceExceeded => Some(self.full_note(gate)),
            _ => None,
        }
    }

    /// State and remaining life of the connection after the packet.
    fn life(&self, gate: &Gate<'_>) -> Option<String> {
        let state = gate.verdict.state?;
        let timeout = self.timeout(gate.eni, state);
        Some(format!("state {}, it ends {timeout} after its last packet", state.code()))
    }

    fn timeout(&self, eni: EniId, state: State) -> Span {
        let is_icmp = self.facts.transport.icmp().is_some();
        let name = state.timeout(if is_icmp { TimeoutName::Icmp } else { TimeoutName::Other });
        self.engine.policy().timeouts(eni).get(name)
    }

    fn untracked_note(&self, gate: &Gate<'_>) -> String {
        if self.facts.flow().is_none() {
            return "a rule allows it; with unknown ports there is nothing to track (S2.7)".to_owned();
        }
        let everyone = if gate.probe.peer.is_ipv4() { "0.0.0.0/0" } else { "::/0" };
        format!(
            "not tracked: {everyone} is open in the flow's direction, and all {} ports are open to {everyone} the other way (S6.4)",
            protocol(self.facts.protocol)
        )
    }

    fn no_rule_note(&self, gate: &Gate<'_>) -> Option<String> {
        let policy = self.engine.policy();
        if policy.explain_security_group(gate.eni, gate.direction, gate.probe).is_empty() {
            let name = gate.direction.name();
            return Some(format!(
                "the ENI's security groups have no {name} rule at all, or it has no group (S6.1)"
            ));
        }
        let is_tcp = self.facts.protocol == Protocol::TCP && self.is_midstream();
        let reversed = Probe::reversed(self.facts, gate.direction).filter(|_| is_tcp)?;
        policy.security_group(gate.eni, gate.direction.opposite(), &reversed).map(|rule| {
            format!(
                "{} admits the flow the other way round: if the capture begins in the middle of it, --tcp-midstream either-end lets it pass (S7.5)",
                self.engine.registry().rule_name(rule)
            )
        })
    }

    fn full_note(&self, gate: &Gate<'_>) -> String {
        let Some(scope) = self.engine.policy().scope(gate.eni) else { return String::new() };
        format!(
            "the rule matches, but {} tracks {} of {} connections: no room for another (S7.8)",
            self.engine.registry().scope_name(scope),
            self.engine.occupancy(scope),
            self.engine.limit(scope)
        )
    }
}
