//! Sorts the objects of AWS documents by kind, whatever page, region or wrapping they come in.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::error::{LoadError, Place};

use super::super::draft::{Author, Origin};
use super::super::recognise::not_supported;
use super::super::text_place;
use super::region;

/// The kinds of object that a model is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Vpc,
    Subnet,
    NetworkInterface,
    Instance,
    SecurityGroup,
    SecurityGroupRule,
    NetworkAcl,
    PrefixList,
    /// `{"PrefixListId": …, "Entries": […]}`.
    PrefixListEntries,
}

/// Top-level keys of what the AWS CLI prints: the kind and the key of its id.
const LISTS: [(&str, Kind, &str); 7] = [
    ("Vpcs", Kind::Vpc, "VpcId"),
    ("Subnets", Kind::Subnet, "SubnetId"),
    ("NetworkInterfaces", Kind::NetworkInterface, "NetworkInterfaceId"),
    ("SecurityGroups", Kind::SecurityGroup, "GroupId"),
    ("SecurityGroupRules", Kind::SecurityGroupRule, "SecurityGroupRuleId"),
    ("NetworkAcls", Kind::NetworkAcl, "NetworkAclId"),
    ("PrefixLists", Kind::PrefixList, "PrefixListId"),
];

/// Objects that stand alone: the keys that tell them, the most telling first.
const SINGLES: [(&[&str], Kind, &str); 7] = [
    (&["SecurityGroupRuleId", "IsEgress"], Kind::SecurityGroupRule, "SecurityGroupRuleId"),
    (&["NetworkAclId", "Entries"], Kind::NetworkAcl, "NetworkAclId"),
    (&["GroupId", "IpPermissions"], Kind::SecurityGroup, "GroupId"),
    (&["InstanceId", "NetworkInterfaces"], Kind::Instance, "InstanceId"),
    (&["NetworkInterfaceId", "SubnetId"], Kind::NetworkInterface, "NetworkInterfaceId"),
    (&["SubnetId", "CidrBlock"], Kind::Subnet, "SubnetId"),
    (&["VpcId", "CidrBlock"], Kind::Vpc, "VpcId"),
];

/// Keys beside the lists that hold nothing of a model.
const ENVELOPE: [&str; 4] = ["ResponseMetadata", "NextToken", "MaxResults", "RequestId"];

/// An object with its place.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) value: Value,
    pub(crate) document: Arc<str>,
    pub(crate) path: String,
}

impl Item {
    /// The place of a part of the object.
    pub(crate) fn origin(&self, part: &str) -> Origin {
        let joint = if part.is_empty() || part.starts_with('[') { "" } else { "." };
        let place = Place::JsonPath(format!("{}{joint}{part}", self.path));
        Origin { document: Arc::clone(&self.document), author: Author::Aws, place }
    }

    /// The region, by availability zone, ARN or the document's path.
    pub(crate) fn region(&self) -> Option<String> {
        region::of(&self.value, &self.document)
    }
}

/// All objects of all AWS documents.
#[derive(Debug, Default)]
pub(crate) struct Collection {
    items: BTreeMap<Kind, Vec<Item>>,
    /// Where an object with this id is, by kind.
    known: HashMap<(Kind, String), usize>,
    /// Documents, or parts of them, that a model does not use.
    pub(crate) unused: Vec<String>,
    /// Keys whose pages all say that another one follows, with a document.
    pub(crate) pages: BTreeMap<String, Pages>,
}

/// Pages of one kind of document.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    pub(crate) with_next: Vec<String>,
    pub(crate) last: usize,
}

/// Whether an answer says that another page follows.
#[derive(Clone, Copy)]
enum Follows {
    Page,
    Nothing,
}

impl Follows {
    fn of(object: &Map<String, Value>) -> Self {
        match object.get("NextToken").and_then(Value::as_str) {
            Some(token) if !token.is_empty() => Self::Page,
            _ => Self::Nothing,
        }
    }
}

impl Collection {
    /// The objects of a kind, in document order.
    pub(crate) fn of(&self, kind: Kind) -> &[Item] {
        self.items.get(&kind).map_or(&[], Vec::as_slice)
    }

    /// Takes in one document.
    pub(crate) fn add(&mut self, document: &Arc<str>, text: &str) -> Result<(), LoadError> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| syntax_error(document, text, &error))?;
        match value {
            Value::Object(object) => self.add_object(document, object),
            Value::Array(list) => self.add_list(document, list),
            _ => Err(unrecognised(document, "a bare value")),
        }
    }

    fn add_object(&mut self, document: &Arc<str>, mut object: Map<String, Value>) -> Result<(), LoadError> {
        if object.len() == 2 && object.contains_key("status_code") {
            // Recorded API answers: the answer is inside.
            if let Some(Value::Object(answer)) = object.remove("data") {
                return self.add_answer(document, "data.", answer);
            }
        }
        self.add_answer(document, "", object)
    }

    fn add_answer(
        &mut self,
        document: &Arc<str>,
        prefix: &str,
        object: Map<String, Value>,
    ) -> Result<(), LoadError> {
        if let Some(format) = foreign_format(&object) {
            return Err(not_supported(format).in_document(&**document));
        }
        if let Some((kind, key)) = single(&object) {
            return self.add_item(
                kind,
                key,
                document,
                (prefix.trim_end_matches('.').to_owned(), Value::Object(object)),
            );
        }
        if object.contains_key("Entries") {
            return self.add_entries(document, object);
        }
        let follows = Follows::of(&object);
        let is_aws = object.keys().any(|key| key.starts_with(|first: char| first.is_ascii_uppercase()));
        if !is_aws {
            return Err(unrecognised(document, &keys_of(&object)));
        }
        for (key, value) in object {
            let path = format!("{prefix}{key}");
            if self.add_key(document, &key, (path, value))? {
                self.note_page(key, document, follows);
            }
        }
        Ok(())
    }

    fn note_page(&mut self, key: String, document: &Arc<str>, follows: Follows) {
        let pages = self.pages.entry(key).or_default();
        match follows {
            Follows::Page => pages.with_next.push(document.to_string()),
            Follows::Nothing => pages.last += 1,
        }
    }

    /// Takes in one top-level key; whether it is one of a model.
    fn add_key(
        &mut self,
        document: &Arc<str>,
        key: &str,
        (path, value): (String, Value),
    ) -> Result<bool, LoadError> {
        let known = LISTS.iter().find(|(list, ..)| *list == key);
        if known.is_none() && key != "Reservations" && key != "Instances" {
            if !ENVELOPE.contains(&key) {
                self.unused.push(format!("{document} ({key})"));
            }
            return Ok(false);
        }
        let Value::Array(list) = value else {
            return Err(in_json(
                document,
                path,
                LoadError::new(format!("`{key}` is not a list")).expected("a list"),
            ));
        };
        for (at, value) in list.into_iter().enumerate() {
            let path = format!("{path}[{at}]");
            match known {
                Some((_, kind, id)) => self.add_item(*kind, id, document, (path, value))?,
                None if key == "Instances" => {
                    self.add_item(Kind::Instance, "InstanceId", document, (path, value))?;
                }
                None => self.add_reservation(document, (path, value))?,
            }
        }
        Ok(true)
    }

    fn add_reservation(
        &mut self,
        document: &Arc<str>,
        (path, mut value): (String, Value),
    ) -> Result<(), LoadError> {
        let instances = value.get_mut("Instances").map(Value::take);
        let Some(Value::Array(instances)) = instances else {
            let error =
                LoadError::new("the reservation has no list of instances").expected("a list `Instances`");
            return Err(in_json(document, path, error));
        };
        for (at, instance) in instances.into_iter().enumerate() {
            let path = format!("{path}.Instances[{at}]");
            self.add_item(Kind::Instance, "InstanceId", document, (path, instance))?;
        }
        Ok(())
    }

    /// Entries of a prefix list, which the document or its name must say.
    fn add_entries(&mut self, document: &Arc<str>, mut object: Map<String, Value>) -> Result<(), LoadError> {
        let file = document.rsplit(['/', '\\']).next().unwrap_or(document);
        let stem = file.split('.').next().unwrap_or(file);
        let said = object.get("PrefixListId").and_then(Value::as_str);
        let id =
            said.or_else(|| stem.starts_with("pl-").then_some(stem)).map(str::to_owned).ok_or_else(|| {
                LoadError::new("these entries do not say which prefix list they are of")
                    .expected("a key `PrefixListId`, or a file named by the id of the list")
                    .remedy("Rename the file to the id of the list, such as `pl-0123456789abcdef0.json`.")
                    .in_document(&**document)
            })?;
        self.note_page(format!("the entries of {id}"), document, Follows::of(&object));
        let value = object.remove("Entries").unwrap_or_default();
        let (document, path) = (Arc::clone(document), "Entries".to_owned());
        self.items.entry(Kind::PrefixListEntries).or_default().push(Item { id, value, document, path });
        Ok(())
    }

    /// What `--query` leaves: a list of objects that stand alone.
    fn add_list(&mut self, document: &Arc<str>, list: Vec<Value>) -> Result<(), LoadError> {
        for (at, value) in list.into_iter().enumerate() {
            let Some((kind, key)) = value.as_object().and_then(single) else {
                let keys = value.as_object().map_or_else(|| "no object".to_owned(), keys_of);
                return Err(in_json(document, format!("[{at}]"), unrecognised(document, &keys)));
            };
            self.add_item(kind, key, document, (format!("[{at}]"), value))?;
        }
        Ok(())
    }

    /// Enters an object; one that pages give twice in the same words counts once.
    fn add_item(
        &mut self,
        kind: Kind,
        id_key: &str,
        document: &Arc<str>,
        (path, value): (String, Value),
    ) -> Result<(), LoadError> {
        let Some(id) = value.get(id_key).and_then(Value::as_str).map(str::to_owned) else {
            let error = LoadError::new(format!("the object has no `{id_key}`")).expected("its id, a text");
            return Err(in_json(document, path, error));
        };
        let items = self.items.entry(kind).or_default();
        if let Some(first) = self.known.get(&(kind, id.clone())).and_then(|at| items.get(*at)) {
            if first.value == value || kind == Kind::PrefixList {
                if first.value != value {
                    // describe-prefix-lists and describe-managed-prefix-lists name the same lists.
                    items.push(Item { id, value, document: Arc::clone(document), path });
                }
                return Ok(());
            }
            let error = LoadError::new(format!(
                "`{id}` is described twice and differently, first in {} at {}",
                first.document, first.path
            ))
            .remedy("Keep one of the two: collect the documents anew, at one time.");
            return Err(in_json(document, path, error));
        }
        self.known.insert((kind, id.clone()), items.len());
        items.push(Item { id, value, document: Arc::clone(document), path });
        Ok(())
    }
}

/// The kind of an object that stands alone, by its keys.
fn single(object: &Map<String, Value>) -> Option<(Kind, &'static str)> {
    let told = |(keys, ..): &&(&[&str], Kind, &'static str)| keys.iter().all(|key| object.contains_key(*key));
    SINGLES.iter().find(told).map(|(_, kind, id)| (*kind, *id))
}

/// Terraform and `CloudFormation`, by their telling keys.
fn foreign_format(object: &Map<String, Value>) -> Option<&'static str> {
    let has = |key: &str| object.contains_key(key);
    let is_template_resource = |resource: &Value| {
        resource.get("Type").and_then(Value::as_str).is_some_and(|kind| kind.contains("::"))
    };
    if has("AWSTemplateFormatVersion")
        || object
            .get("Resources")
            .and_then(Value::as_object)
            .is_some_and(|resources| resources.values().any(is_template_resource))
    {
        return Some("a CloudFormation template");
    }
    if has("planned_values") || has("resource_changes") {
        return Some("a Terraform plan");
    }
    if has("terraform_version") || (has("lineage") && has("serial")) {
        return Some("a Terraform state");
    }
    None
}

fn keys_of(object: &Map<String, Value>) -> String {
    let keys: Vec<&String> = object.keys().collect();
    if keys.is_empty() {
        "an empty object".to_owned()
    } else {
        format!("an object with {}", super::super::draft::sample(&keys))
    }
}

fn unrecognised(document: &str, found: &str) -> LoadError {
    LoadError::new("this JSON is no document of a model")
        .expected("what the AWS CLI prints, such as an object with SecurityGroups or NetworkAcls")
        .found(found)
        .remedy("Collect it without `--query`, or take the file out of the model.")
        .in_document(document)
}

pub(crate) fn in_json(document: &str, path: String, error: LoadError) -> LoadError {
    error.in_document(document).at(Place::JsonPath(path))
}

/// The parser's message ends with the position, which the place says already.
fn syntax_error(document: &str, text: &str, error: &serde_json::Error) -> LoadError {
    let message = error.to_string();
    let problem = message.split(" at line ").next().unwrap_or(&message).to_owned();
    let line_start: usize =
        text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let mut at = (line_start + error.column().saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    LoadError::new(format!("this is not valid JSON: {problem}"))
        .remedy("Collect the document again, or correct it by hand at that place.")
        .in_document(document)
        .at(text_place(text, at..at))
}
