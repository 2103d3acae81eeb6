//! Validating a model and telling what is in it.

use std::fmt::Write as _;

use vpcreplay_policy::{self as policy, DEFAULT_NACL, Eni, Network, Selection, Subnet, Warning};

use crate::model::read_documents;
use crate::{ModelPaths, ReplayError, load_models};

/// Rows of a table.
const ROWS: usize = 200;

/// A model that loads.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What is in it.
    pub network: Network,
    /// What the user should know about it.
    pub warnings: Vec<Warning>,
}

/// Loads and compiles the first model of some paths.
///
/// # Errors
/// A path that cannot be read or a model that does not load.
pub fn check(paths: &ModelPaths) -> Result<Checked, ReplayError> {
    let selection = Selection { vpc_id: paths.vpc_id.clone(), region: paths.region.clone() };
    let loaded = policy::load(&read_documents(&paths.first)?, &selection)?;
    let models =
        load_models(&ModelPaths { later: Vec::new(), ..paths.clone() }, &policy::Options::default())?;
    Ok(Checked { network: loaded.network, warnings: models.warnings })
}

impl Checked {
    /// What is in the model, as a page for people.
    pub fn render(&self) -> String {
        let mut page = String::new();
        let network = &self.network;
        let counts = [
            (network.vpcs.len(), "VPC"),
            (network.subnets.len(), "subnet"),
            (network.enis.len(), "ENI"),
            (network.groups.len(), "security group"),
            (network.nacls.len(), "network ACL"),
            (network.prefix_lists.len(), "prefix list"),
        ];
        let counts: Vec<String> =
            counts.iter().map(|(count, what)| format!("{count} {what}{}", plural(*count))).collect();
        line(&mut page, &counts.join(", "));
        subnets(&mut page, network);
        groups(&mut page, network);
        nacls(&mut page, network);
        prefix_lists(&mut page, network);
        limits(&mut page, network);
        page
    }
}

/// What comes from files must not steer the terminal.
fn line(page: &mut String, text: &str) {
    page.extend(text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }));
    page.push('\n');
}

const fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn joined<T: ToString>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn more(page: &mut String, count: usize, what: &str) {
    if count > ROWS {
        line(page, &format!("  … and {} more {what}s", count - ROWS));
    }
}

/// Each subnet with its ENIs.
fn subnets(page: &mut String, network: &Network) {
    for vpc in &network.vpcs {
        page.push('\n');
        line(page, &format!("VPC {}  {}", vpc.id, joined(&vpc.cidrs)));
        let of_vpc = |subnet: &&Subnet| subnet.vpc.as_deref() == Some(vpc.id.as_str());
        network
            .subnets
            .iter()
            .filter(of_vpc)
            .take(ROWS)
            .for_each(|subnet| subnet_lines(page, subnet, network));
    }
    let of_none: Vec<&Subnet> = network.subnets.iter().filter(|subnet| subnet.vpc.is_none()).collect();
    if !of_none.is_empty() {
        page.push('\n');
        line(page, "Subnets of no known VPC");
        of_none.iter().take(ROWS).for_each(|subnet| subnet_lines(page, subnet, network));
    }
    more(page, network.subnets.len(), "subnet");
}

fn subnet_lines(page: &mut String, subnet: &Subnet, network: &Network) {
    let cidrs = if subnet.cidrs.is_empty() { "CIDRs unknown".to_owned() } else { joined(&subnet.cidrs) };
    let nacl = if subnet.nacl == DEFAULT_NACL { "default (allows all)" } else { &subnet.nacl };
    line(page, &format!("  {}  {cidrs}  network ACL {nacl}", subnet.id));
    let enis: Vec<&Eni> = network.enis.iter().filter(|eni| eni.subnet == subnet.id).collect();
    for eni in enis.iter().take(ROWS) {
        let mut text = format!("    {}  {}", eni.id, joined(&eni.addresses));
        if !eni.prefixes.is_empty() {
            let _ = write!(text, ", {}", joined(&eni.prefixes));
        }
        let _ = match eni.security_groups.as_slice() {
            [] => write!(text, "  no security group: denies all"),
            groups => write!(text, "  {}", joined(groups)),
        };
        if let Some(instance) = &eni.instance {
            let _ = write!(text, "  on {instance}");
        }
        if let Some(interface_type) = &eni.interface_type {
            let _ = write!(text, "  ({interface_type})");
        }
        line(page, &text);
    }
    more(page, enis.len(), "ENI");
}

fn groups(page: &mut String, network: &Network) {
    title(page, "Security groups", network.groups.len());
    for group in network.groups.iter().take(ROWS) {
        let users = network.enis.iter().filter(|eni| eni.security_groups.contains(&group.id)).count();
        let used =
            if users == 0 { "no ENI has it".to_owned() } else { format!("{users} ENI{}", plural(users)) };
        let (ingress, egress) = (group.ingress.len(), group.egress.len());
        line(page, &format!("  {}  {ingress} ingress, {egress} egress rules, {used}", group.id));
    }
    more(page, network.groups.len(), "security group");
}

fn nacls(page: &mut String, network: &Network) {
    title(page, "Network ACLs", network.nacls.len());
    for nacl in network.nacls.iter().take(ROWS) {
        let users = network.subnets.iter().filter(|subnet| subnet.nacl == nacl.id).count();
        let (ingress, egress) = (nacl.ingress.len(), nacl.egress.len());
        line(
            page,
            &format!(
                "  {}  {ingress} ingress, {egress} egress entries, {users} subnet{}",
                nacl.id,
                plural(users)
            ),
        );
    }
    more(page, network.nacls.len(), "network ACL");
}

fn prefix_lists(page: &mut String, network: &Network) {
    title(page, "Prefix lists", network.prefix_lists.len());
    for list in network.prefix_lists.iter().take(ROWS) {
        let count = list.entries.len();
        line(page, &format!("  {}  {count} {}", list.id, if count == 1 { "entry" } else { "entries" }));
    }
    more(page, network.prefix_lists.len(), "prefix list");
}

fn limits(page: &mut String, network: &Network) {
    title(page, "Limits of tracked connections", network.limits.len());
    for (id, limit) in network.limits.iter().take(ROWS) {
        line(page, &format!("  {id}  {limit}"));
    }
    more(page, network.limits.len(), "limit");
}

fn title(page: &mut String, text: &str, count: usize) {
    if count > 0 {
        page.push('\n');
        line(page, text);
    }
}
