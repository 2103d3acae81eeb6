//! What the AWS CLI prints, as far as a model needs it. Other fields are descriptive and not read.
#![expect(clippy::struct_field_names, reason = "fields are named as AWS names them")]

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

/// A list that may be null or left out.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A protocol: AWS prints text; hand-edited documents have numbers too.
#[derive(Debug)]
pub(crate) struct ProtocolText(pub(crate) String);

impl<'de> Deserialize<'de> for ProtocolText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl Visitor<'_> for TextVisitor {
            type Value = ProtocolText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a protocol such as \"tcp\" or \"-1\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ProtocolText, E> {
                Ok(ProtocolText(text.to_owned()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<ProtocolText, E> {
                Ok(ProtocolText(number.to_string()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<ProtocolText, E> {
                Ok(ProtocolText(number.to_string()))
            }
        }
        deserializer.deserialize_any(TextVisitor)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Vpc {
    pub(crate) cidr_block: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) cidr_block_association_set: Vec<Association>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) ipv6_cidr_block_association_set: Vec<Association>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Subnet {
    pub(crate) vpc_id: Option<String>,
    pub(crate) cidr_block: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) ipv6_cidr_block_association_set: Vec<Association>,
}

/// A CIDR of a VPC or subnet, and whether it is in use.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Association {
    pub(crate) cidr_block: Option<String>,
    pub(crate) ipv6_cidr_block: Option<String>,
    pub(crate) cidr_block_state: Option<State>,
    pub(crate) ipv6_cidr_block_state: Option<State>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct State {
    pub(crate) state: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NetworkInterface {
    pub(crate) subnet_id: Option<String>,
    pub(crate) vpc_id: Option<String>,
    pub(crate) interface_type: Option<String>,
    pub(crate) private_ip_address: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) private_ip_addresses: Vec<PrivateAddress>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) ipv6_addresses: Vec<Ipv6Address>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) ipv4_prefixes: Vec<Prefix>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) ipv6_prefixes: Vec<Prefix>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) groups: Vec<GroupOf>,
    pub(crate) attachment: Option<Attachment>,
    pub(crate) connection_tracking_configuration: Option<ConnectionTracking>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PrivateAddress {
    pub(crate) private_ip_address: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Ipv6Address {
    pub(crate) ipv6_address: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Prefix {
    pub(crate) ipv4_prefix: Option<String>,
    pub(crate) ipv6_prefix: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GroupOf {
    pub(crate) group_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Attachment {
    pub(crate) instance_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ConnectionTracking {
    pub(crate) tcp_established_timeout: Option<u64>,
    pub(crate) udp_timeout: Option<u64>,
    pub(crate) udp_stream_timeout: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SecurityGroup {
    pub(crate) vpc_id: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) ip_permissions: Vec<IpPermission>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) ip_permissions_egress: Vec<IpPermission>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct IpPermission {
    pub(crate) ip_protocol: ProtocolText,
    pub(crate) from_port: Option<i64>,
    pub(crate) to_port: Option<i64>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) ip_ranges: Vec<IpRange>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) ipv6_ranges: Vec<Ipv6Range>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) prefix_list_ids: Vec<PrefixListId>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) user_id_group_pairs: Vec<GroupPair>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct IpRange {
    pub(crate) cidr_ip: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Ipv6Range {
    pub(crate) cidr_ipv6: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PrefixListId {
    pub(crate) prefix_list_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GroupPair {
    pub(crate) group_id: Option<String>,
    pub(crate) group_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SecurityGroupRule {
    pub(crate) security_group_rule_id: String,
    pub(crate) group_id: String,
    pub(crate) is_egress: bool,
    pub(crate) ip_protocol: ProtocolText,
    pub(crate) from_port: Option<i64>,
    pub(crate) to_port: Option<i64>,
    pub(crate) cidr_ipv4: Option<String>,
    pub(crate) cidr_ipv6: Option<String>,
    pub(crate) prefix_list_id: Option<String>,
    pub(crate) referenced_group_info: Option<ReferencedGroup>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ReferencedGroup {
    pub(crate) group_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NetworkAcl {
    pub(crate) vpc_id: Option<String>,
    #[serde(default)]
    pub(crate) is_default: bool,
    #[serde(default, deserialize_with = "list")]
    pub(crate) associations: Vec<AclAssociation>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) entries: Vec<AclEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AclAssociation {
    pub(crate) subnet_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AclEntry {
    pub(crate) rule_number: i64,
    pub(crate) rule_action: String,
    pub(crate) egress: bool,
    pub(crate) protocol: ProtocolText,
    pub(crate) cidr_block: Option<String>,
    pub(crate) ipv6_cidr_block: Option<String>,
    pub(crate) port_range: Option<PortRange>,
    pub(crate) icmp_type_code: Option<IcmpTypeCode>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PortRange {
    pub(crate) from: Option<i64>,
    pub(crate) to: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct IcmpTypeCode {
    #[serde(rename = "Type")]
    pub(crate) icmp_type: Option<i64>,
    pub(crate) code: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PrefixList {
    pub(crate) cidrs: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PrefixListEntry {
    pub(crate) cidr: String,
}
