//! The summary of an engine after its last packet.

use std::collections::BTreeSet;

use vpcreplay_engine::{Engine, EniId, RuleId, ScopeId};
use vpcreplay_flow::{Direction, Disposition, Reason, Timestamp};

use super::{
    Amount, ByCode, Completion, Denied, EniSummary, OtherCounters, RuleSummary, ScopeSummary, Summary,
    SummaryContext, TimeSpan, assumptions, hints, rfc3339,
};

impl Summary {
    /// The summary of a replay: the engine after its last packet, and what is known beside it.
    pub fn collect(engine: &Engine, context: SummaryContext) -> Self {
        let counters = engine.counters();
        let reasons = ByCode(
            Reason::ALL.iter().map(|reason| (reason.code(), counters.total(*reason).into())).collect(),
        );
        let dispositions = by_disposition(&reasons);
        let (rules, rules_never_hit) = rules(engine);
        let enis: Vec<EniSummary> = eni_ids(engine).map(|eni| eni_summary(engine, eni)).collect();
        let mut summary = Self {
            partial: context.completion == Completion::Partial,
            total: sum(&dispositions),
            passed_over: context.passed_over,
            span: context.span.map(TimeSpan::from),
            conntrack_allowance_exceeded: enis.iter().map(|eni| eni.conntrack_allowance_exceeded).sum(),
            no_eni: seen(engine, None),
            dispositions,
            reasons,
            enis,
            connections: engine.connections(),
            scopes: scopes(engine),
            denied: Denied::collect(&counters.denied_peers, &counters.denied_services, engine.registry()),
            rules,
            rules_never_hit,
            counters: other_counters(engine, &context),
            inputs: context.inputs,
            skipped_files: context.skipped_files,
            damage_count: context.damage_count,
            damages: context.damages,
            options: context.options,
            warnings: context.warnings,
            assumptions: Vec::new(),
            hints: Vec::new(),
        };
        summary.assumptions = assumptions::of(&summary, engine.settings());
        summary.hints = hints::of(&summary, engine.settings());
        summary
    }
}

impl From<(Timestamp, Timestamp)> for TimeSpan {
    fn from((first, last): (Timestamp, Timestamp)) -> Self {
        Self { first_ns: first.nanos(), last_ns: last.nanos(), first: rfc3339(first), last: rfc3339(last) }
    }
}

fn sum(amounts: &ByCode) -> Amount {
    let mut total = Amount::default();
    amounts.0.iter().for_each(|(_, amount)| total.add(*amount));
    total
}

/// Every disposition, from the amounts of reasons.
fn by_disposition(reasons: &ByCode) -> ByCode {
    let of = |disposition: Disposition| {
        let mut total = Amount::default();
        let its_own = Reason::ALL.iter().filter(|reason| reason.disposition() == disposition);
        its_own.for_each(|reason| total.add(reasons.get(reason.code())));
        total
    };
    ByCode(Disposition::ALL.iter().map(|disposition| (disposition.code(), of(*disposition))).collect())
}

/// The reasons that were given at an ENI, or where no ENI decided.
fn seen(engine: &Engine, eni: Option<EniId>) -> ByCode {
    let all = Reason::ALL.iter().map(|reason| (reason.code(), engine.counters().tally(eni, *reason).into()));
    ByCode(all.filter(|(_, amount): &(_, Amount)| amount.packets > 0).collect())
}

fn eni_ids(engine: &Engine) -> impl Iterator<Item = EniId> {
    (0..u32::try_from(engine.registry().eni_count()).unwrap_or(u32::MAX)).map(EniId)
}

fn eni_summary(engine: &Engine, eni: EniId) -> EniSummary {
    let reasons = seen(engine, Some(eni));
    let dispositions = by_disposition(&reasons);
    EniSummary {
        eni: engine.registry().eni_name(eni).to_owned(),
        scope: engine.policy().scope(eni).map(|scope| engine.registry().scope_name(scope).to_owned()),
        total: sum(&reasons),
        dispositions,
        reasons,
        conntrack_allowance_exceeded: engine.exceeded(eni),
    }
}

/// The scopes of the model in force, and those of earlier ones that tracked or refused something; by name.
fn scopes(engine: &Engine) -> Vec<ScopeSummary> {
    let in_force: BTreeSet<ScopeId> = engine.policy().scopes().collect();
    let all = (0..u32::try_from(engine.registry().scope_count()).unwrap_or(u32::MAX)).map(ScopeId);
    let mut scopes: Vec<ScopeSummary> = all
        .map(|scope| (scope, scope_summary(engine, scope)))
        .filter(|(scope, summary)| {
            let was_used = summary.peak_occupancy > 0 || summary.conntrack_allowance_exceeded > 0;
            was_used || in_force.contains(scope)
        })
        .map(|(_, summary)| summary)
        .collect();
    scopes.sort_by(|left, right| left.scope.cmp(&right.scope));
    scopes
}

fn scope_summary(engine: &Engine, scope: ScopeId) -> ScopeSummary {
    let (limit, peak) = (engine.limit(scope), engine.peak(scope));
    ScopeSummary {
        scope: engine.registry().scope_name(scope).to_owned(),
        limit,
        peak_occupancy: peak.occupancy,
        peak_at_ns: peak.at.map(Timestamp::nanos),
        peak_at: peak.at.map(rfc3339),
        headroom: limit.saturating_sub(peak.occupancy),
        occupancy: engine.occupancy(scope),
        conntrack_allowance_exceeded: engine.scope_exceeded(scope),
    }
}

/// Rules in force at the end or with hits, and how many of the former have none.
fn rules(engine: &Engine) -> (Vec<RuleSummary>, u64) {
    let registry = engine.registry();
    let in_force: BTreeSet<RuleId> = engine.policy().rules_in_force().collect();
    let all = (0..u32::try_from(registry.rule_count()).unwrap_or(u32::MAX)).map(RuleId);
    let rules: Vec<RuleSummary> = all
        .map(|rule| RuleSummary {
            rule: registry.rule_name(rule).to_owned(),
            direction: registry.rule_direction(rule).map_or("", direction_code),
            hits: engine.counters().rule_hits(rule),
            in_force: in_force.contains(&rule),
        })
        .filter(|rule| rule.in_force || rule.hits > 0)
        .collect();
    let never_hit = rules.iter().filter(|rule| rule.in_force && rule.hits == 0).count() as u64;
    (rules, never_hit)
}

const fn direction_code(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    }
}

fn other_counters(engine: &Engine, context: &SummaryContext) -> OtherCounters {
    let counters = engine.counters();
    OtherCounters {
        clock_regressions: context.clock.regressions,
        clock_jumps: context.clock.jumps,
        first_clock_jump: context.clock.first_jump.clone(),
        fragments: context.fragments,
        fragments_forgotten: context.fragments_forgotten,
        flows_forgotten: counters.flows_forgotten,
        midstream_doubtful: counters.midstream_doubtful,
        untracked_outside: counters.untracked_outside,
        sg_egress_then_nacl: counters.sg_egress_then_nacl,
        vxlan_packets: context.tunnels.vxlan,
        geneve_packets: context.tunnels.geneve,
    }
}

#[cfg(test)]
#[path = "collect_tests.rs"]
mod tests;
