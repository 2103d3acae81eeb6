//! A model as the project's hand-written TOML, and options as command-line arguments, for the real program.

use std::fmt::Write as _;

use vpcreplay_flow::{Direction, Span, TimeoutName};

use super::model::{
    Action, Eni, Group, IcmpErrors, Midstream, Mode, Model, Nacl, NaclEntry, Peer, Scope, Service, Settings,
};

impl Model {
    /// The model as TOML; options that a model cannot hold and `sgr-` ids are left out.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        self.settings.write_table(&mut text);
        for vpc in &self.vpcs {
            line(&mut text, format_args!("\n[[vpc]]\nid = {:?}\ncidrs = {}", vpc.id, texts(&vpc.cidrs)));
        }
        for subnet in &self.subnets {
            let (id, vpc, cidrs) = (&subnet.id, &subnet.vpc, texts(&subnet.cidrs));
            line(&mut text, format_args!("\n[[subnet]]\nid = {id:?}\nvpc = {vpc:?}\ncidrs = {cidrs}"));
            if let Some(nacl) = &subnet.nacl {
                line(&mut text, format_args!("nacl = {nacl:?}"));
            }
        }
        for eni in &self.enis {
            eni.write(&mut text);
        }
        for group in &self.groups {
            group.write(&mut text);
        }
        for nacl in &self.nacls {
            nacl.write(&mut text);
        }
        for list in &self.prefix_lists {
            let (id, entries) = (&list.id, texts(&list.entries));
            line(&mut text, format_args!("\n[[prefix_list]]\nid = {id:?}\nentries = {entries}"));
        }
        text
    }
}

/// Writes a line.
fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    writeln!(text, "{content}").expect("a string takes everything");
}

/// A list of strings.
fn texts<T: std::fmt::Display>(items: &[T]) -> String {
    format!("{:?}", items.iter().map(ToString::to_string).collect::<Vec<_>>())
}

/// A table of timeouts; of two of one name the last.
fn timeouts(items: &[(TimeoutName, Span)]) -> String {
    let last: std::collections::BTreeMap<_, _> = items.iter().copied().collect();
    let pairs: Vec<_> = last.iter().map(|(name, span)| format!("{} = \"{span}\"", name.code())).collect();
    format!("{{ {} }}", pairs.join(", "))
}

impl Eni {
    fn write(&self, text: &mut String) {
        line(text, format_args!("\n[[eni]]\nid = {:?}\nsubnet = {:?}", self.id, self.subnet));
        line(text, format_args!("addresses = {}", texts(&self.addresses)));
        line(text, format_args!("security_groups = {}", texts(&self.groups)));
        if !self.prefixes.is_empty() {
            line(text, format_args!("prefixes = {}", texts(&self.prefixes)));
        }
        if let Some(instance) = &self.instance {
            line(text, format_args!("instance = {instance:?}"));
        }
        if let Some(interface_type) = &self.interface_type {
            line(text, format_args!("interface_type = {interface_type:?}"));
        }
        if let Some(limit) = self.limit {
            line(text, format_args!("limit = {limit}"));
        }
        if !self.timeouts.is_empty() {
            line(text, format_args!("timeouts = {}", timeouts(&self.timeouts)));
        }
    }
}

impl Group {
    fn write(&self, text: &mut String) {
        line(text, format_args!("\n[[security_group]]\nid = {:?}", self.id));
        for direction in [Direction::Ingress, Direction::Egress] {
            let rules: Vec<_> = self
                .rules(direction)
                .iter()
                .map(|rule| {
                    let peer = match &rule.peer {
                        Peer::Cidr(cidr) => cidr.to_string(),
                        Peer::PrefixList(id) | Peer::Group(id) => id.clone(),
                    };
                    format!("{{ {}, peer = {peer:?} }}", rule.service.keys())
                })
                .collect();
            line(text, format_args!("{} = [{}]", direction.name(), rules.join(", ")));
        }
        if !self.members.is_empty() {
            line(text, format_args!("members = {}", texts(&self.members)));
        }
    }
}

impl Nacl {
    fn write(&self, text: &mut String) {
        line(text, format_args!("\n[[nacl]]\nid = {:?}", self.id));
        for direction in [Direction::Ingress, Direction::Egress] {
            let entries: Vec<_> = self.entries(direction).iter().map(NaclEntry::table).collect();
            line(text, format_args!("{} = [{}]", direction.name(), entries.join(", ")));
        }
    }
}

impl NaclEntry {
    fn table(&self) -> String {
        let action = match self.action {
            Action::Allow => "allow",
            Action::Deny => "deny",
        };
        let (number, service, cidr) = (self.number, self.service.keys(), self.cidr);
        format!("{{ rule = {number}, action = \"{action}\", {service}, peer = \"{cidr}\" }}")
    }
}

impl Service {
    /// The keys of a rule: protocol, and ports or ICMP type where they say something.
    fn keys(&self) -> String {
        let protocol = match self.protocol {
            None => "all".to_owned(),
            Some(1) => "icmp".to_owned(),
            Some(6) => "tcp".to_owned(),
            Some(17) => "udp".to_owned(),
            Some(58) => "icmpv6".to_owned(),
            Some(number) => number.to_string(),
        };
        let mut keys = format!("protocol = \"{protocol}\"");
        match self.protocol {
            Some(6 | 17) if self.ports != (0, 65_535) => {
                let _ = write!(keys, ", ports = \"{}-{}\"", self.ports.0, self.ports.1);
            }
            Some(1 | 58) if self.icmp != (None, None) => {
                let any = |value: Option<u8>| value.map_or("-1".to_owned(), |value| value.to_string());
                let _ = write!(keys, ", icmp = \"{}:{}\"", any(self.icmp.0), any(self.icmp.1));
            }
            _ => {}
        }
        keys
    }
}

impl Scope {
    /// The name in options.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Eni => "eni",
            Self::Instance => "instance",
        }
    }
}

impl Mode {
    /// The name in options.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Causal => "causal",
            Self::Literal => "literal",
        }
    }
}

impl Midstream {
    /// The name in options.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::EitherEnd => "either-end",
        }
    }
}

impl IcmpErrors {
    /// The name in options.
    pub const fn code(self) -> &'static str {
        match self {
            Self::ByRule => "by-rule",
            Self::Related => "related",
        }
    }
}

impl Settings {
    /// The options of one value each, by the name of the command line.
    fn named(&self) -> Vec<(&'static str, String)> {
        let mut named = Vec::new();
        named.extend(self.profile.map(|profile| ("profile", profile.code().to_owned())));
        named.extend(self.limit.map(|limit| ("limit", limit.to_string())));
        named.extend(self.scope.map(|scope| ("scope", scope.code().to_owned())));
        named.extend(self.mode.map(|mode| ("mode", mode.code().to_owned())));
        named.extend(self.tcp_midstream.map(|midstream| ("tcp-midstream", midstream.code().to_owned())));
        named.extend(self.icmp_errors.map(|errors| ("icmp-errors", errors.code().to_owned())));
        named.extend(self.period.map(|period| ("period", period.to_string())));
        named
    }

    /// The `[options]` table; nothing when no option is given.
    fn write_table(&self, text: &mut String) {
        if *self == Self::default() {
            return;
        }
        line(text, format_args!("[options]"));
        for (name, value) in self.named() {
            let key = name.replace('-', "_");
            let value = if key == "limit" { value } else { format!("{value:?}") };
            line(text, format_args!("{key} = {value}"));
        }
        if !self.timeouts.is_empty() {
            line(text, format_args!("timeouts = {}", timeouts(&self.timeouts)));
        }
        if !self.always_tracked.is_empty() {
            line(text, format_args!("always_tracked = {}", texts(&self.always_tracked)));
        }
        if !self.limits.is_empty() {
            let pairs: Vec<_> = self.limits.iter().map(|(id, limit)| format!("{id:?} = {limit}")).collect();
            line(text, format_args!("limits = {{ {} }}", pairs.join(", ")));
        }
    }

    /// The options as arguments of the command line; limits by id have none.
    pub fn to_arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        for (name, value) in self.named() {
            arguments.extend([format!("--{name}"), value]);
        }
        for (name, span) in &self.timeouts {
            arguments.extend(["--timeout".to_owned(), format!("{}={span}", name.code())]);
        }
        for entry in &self.always_tracked {
            arguments.extend(["--always-tracked".to_owned(), entry.clone()]);
        }
        if let Some(memory) = self.flow_memory {
            arguments.extend(["--flow-memory".to_owned(), memory.to_string()]);
        }
        if let Some(flows) = self.max_flows {
            arguments.extend(["--max-flows".to_owned(), flows.to_string()]);
        }
        arguments
    }
}
