//! The fields of the summary, in their order.

use super::fields::{checkpoints, dispositions, reasons};
use super::{Field, I64, Kind, U8, U16, U64, always, or_null};

fn list(kind: Kind) -> Kind {
    Kind::List(Box::new(kind))
}

fn amount() -> Vec<Field> {
    vec![
        always("packets", U64, "Packets."),
        always("bytes", U64, "Bytes of IP; frames without a length count 0."),
    ]
}

fn by_code(codes: Vec<&'static str>) -> Kind {
    Kind::Map(codes, Box::new(Kind::Object(amount())))
}

/// Some fields, packets and bytes, and more fields.
fn with_amount(before: Vec<Field>, after: Vec<Field>) -> Vec<Field> {
    before.into_iter().chain(amount()).chain(after).collect()
}

/// The summary.
pub(super) fn fields() -> Vec<Field> {
    let head = vec![always(
        "partial",
        Kind::Boolean,
        "Whether the replay was stopped before the end of the captures.",
    )];
    with_amount(head, body())
}

fn body() -> Vec<Field> {
    let mut fields = vec![
        always("passed_over", U64, "Frames that the selection passed over."),
        or_null(
            "span",
            Kind::Object(span()),
            "Engine time of the first and the last packet; null without packets.",
        ),
        always("inputs", list(Kind::Object(input())), "The captures."),
        always("skipped_files", list(Kind::Text), "Files of a folder that are no captures."),
        always("damage_count", U64, "How many places of the captures are damaged."),
        always("damages", list(Kind::Text), "Damaged places."),
        always("dispositions", by_code(dispositions()), "By disposition."),
        always("reasons", by_code(reasons()), "By reason."),
        always("enis", list(Kind::Object(eni())), "By the ENI that decided."),
        always("no_eni", by_code(reasons()), "Packets that no ENI decided, by reason."),
        always("conntrack_allowance_exceeded", U64, "ConnTrackAllowanceExceeded, in all."),
        always("connections", U64, "Connections created."),
        always("scopes", list(Kind::Object(scope())), "Allowance scopes."),
        always("denied", Kind::Object(denied()), "Who denied, and whom."),
        always(
            "rules",
            list(Kind::Object(rule())),
            "Rules that are in force at the end or decided something.",
        ),
        always("rules_never_hit", U64, "Rules in force at the end that never decided anything."),
        always("counters", Kind::Object(counters()), "Other counters."),
    ];
    fields.extend(tail());
    fields
}

fn tail() -> Vec<Field> {
    vec![
        always("options", list(Kind::Object(option())), "Every option in force."),
        always("assumptions", list(Kind::Object(assumption())), "Assumptions that mattered."),
        always(
            "warnings",
            list(Kind::Object(notice())),
            "What the user should know about models and captures.",
        ),
        always("hints", list(Kind::Object(hint())), "What to do next."),
    ]
}

fn span() -> Vec<Field> {
    vec![
        always("first_ns", I64, "Start, ns since the epoch."),
        always("last_ns", I64, "End, ns since the epoch."),
        always("first", Kind::Text, "Start, RFC 3339, UTC."),
        always("last", Kind::Text, "End, RFC 3339, UTC."),
    ]
}

fn input() -> Vec<Field> {
    vec![
        always("file", Kind::Text, "The file, as given."),
        always("format", Kind::Text, "Its format."),
        or_null("compression", Kind::Text, "How it is compressed; null when it is plain."),
        always("frames", U64, "Frames read of it."),
    ]
}

fn eni() -> Vec<Field> {
    with_amount(
        vec![
            always("eni", Kind::Text, "The ENI."),
            or_null(
                "scope",
                Kind::Text,
                "Its allowance scope at the end; null where the last model lacks the ENI.",
            ),
        ],
        vec![
            always("dispositions", by_code(dispositions()), "By disposition."),
            always("reasons", by_code(reasons()), "By reason."),
            always("conntrack_allowance_exceeded", U64, "ConnTrackAllowanceExceeded."),
        ],
    )
}

fn scope() -> Vec<Field> {
    vec![
        always("scope", Kind::Text, "The ENI or instance."),
        always("limit", U64, "Its limit at the end."),
        always("peak_occupancy", U64, "Its greatest occupancy."),
        or_null(
            "peak_at_ns",
            I64,
            "When it was first reached, ns since the epoch; null while nothing was tracked.",
        ),
        or_null("peak_at", Kind::Text, "The same, RFC 3339, UTC."),
        always("headroom", U64, "Limit less greatest occupancy, at least 0."),
        always("occupancy", U64, "Live connections at the end."),
        always("conntrack_allowance_exceeded", U64, "Packets that the allowance denied."),
    ]
}

fn peers() -> Kind {
    let peer = with_amount(vec![always("address", Kind::Text, "The address.")], Vec::new());
    ranked(peer)
}

fn services() -> Kind {
    let head = vec![
        always("protocol", U8, "IANA protocol number."),
        or_null("port", U16, "Destination port; null where there is none or it is not known."),
    ];
    ranked(with_amount(head, Vec::new()))
}

fn ranked(row: Vec<Field>) -> Kind {
    Kind::Object(vec![
        always("distinct", U64, "How many there are."),
        always("top", list(Kind::Object(row)), "Those with most packets."),
    ])
}

fn denied() -> Vec<Field> {
    let other = || Kind::Object(amount());
    vec![
        always("by", list(Kind::Object(denied_by())), "By whoever denied."),
        always("peers", peers(), "Peers that were denied."),
        always("services", services(), "Services that were denied."),
        always("other_peers", other(), "Packets of peers beyond those counted exactly."),
        always("other_services", other(), "Packets of services beyond those counted exactly."),
    ]
}

fn denied_by() -> Vec<Field> {
    with_amount(
        vec![
            always("reason", Kind::Code(reasons()), "Why."),
            or_null("checkpoint", Kind::Code(checkpoints()), "Where."),
            always("rules", list(Kind::Text), "By which rules."),
            always("enis", list(Kind::Text), "At which ENIs."),
        ],
        vec![
            always("peers", peers(), "Peers that were denied."),
            always("services", services(), "Services that were denied."),
        ],
    )
}

fn rule() -> Vec<Field> {
    vec![
        always("rule", Kind::Text, "The rule."),
        always("direction", Kind::Code(vec!["ingress", "egress"]), "Which packets it judges."),
        always("hits", U64, "Packets that it decided, or whose connection it had admitted."),
        always("in_force", Kind::Boolean, "Whether it is in force at the end."),
    ]
}

fn counters() -> Vec<Field> {
    vec![
        always("clock_regressions", U64, "Packets stamped earlier than engine time."),
        always("clock_jumps", U64, "Steps of more than a day."),
        or_null("first_clock_jump", Kind::Object(place()), "The first packet that made such a step."),
        always("fragments", U64, "IP fragments."),
        always("fragments_forgotten", U64, "First fragments that had no room in the table."),
        always("flows_forgotten", U64, "Packets of flows that were not remembered."),
        always(
            "midstream_doubtful",
            U64,
            "Denied packets that tcp-midstream = either-end would have admitted.",
        ),
        always(
            "untracked_outside",
            U64,
            "Packets judged untracked towards or from addresses outside the VPCs.",
        ),
        always(
            "sg_egress_then_nacl",
            U64,
            "Packets tracked on the way out that the network ACL then denied.",
        ),
        always("vxlan_packets", U64, "Packets to the port of VXLAN while no tunnel is taken off."),
        always("geneve_packets", U64, "Packets to the port of GENEVE while no tunnel is taken off."),
    ]
}

fn place() -> Vec<Field> {
    vec![
        always("packet", U64, "Its number in replay order."),
        always("file", Kind::Text, "Its file."),
        always("frame", U64, "The number of its frame in that file."),
    ]
}

fn option() -> Vec<Field> {
    vec![
        always("name", Kind::Text, "Its name as on the command line, without dashes."),
        always("value", Kind::Text, "Its value."),
        or_null(
            "source",
            Kind::Code(vec!["default", "model", "command-line"]),
            "Where the value comes from.",
        ),
    ]
}

fn assumption() -> Vec<Field> {
    vec![
        always("rule", Kind::Text, "The rule that makes it, such as `S7.5`."),
        always("text", Kind::Text, "What is assumed."),
        always("count", U64, "How many it may have mattered for."),
        always("unit", Kind::Code(vec!["packets", "connections"]), "What is counted."),
        or_null("option", Kind::Text, "The option that changes it; null where none does."),
    ]
}

fn notice() -> Vec<Field> {
    vec![
        always("code", Kind::Text, "A stable kebab-case name."),
        always("text", Kind::Text, "One sentence."),
        always("count", U64, "How many things it is about."),
    ]
}

fn hint() -> Vec<Field> {
    vec![
        always("code", Kind::Text, "A stable kebab-case name."),
        always("text", Kind::Text, "What was found and what to do about it."),
        always("count", U64, "How many packets it is about."),
        or_null("option", Kind::Text, "The option to give, where one helps."),
    ]
}
