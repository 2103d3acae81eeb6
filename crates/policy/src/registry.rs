//! Names and their numbers, shared by all models of a timeline (S10.1).

use std::collections::HashMap;

use vpcreplay_flow::Direction;

macro_rules! id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// The number as an index.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id! {
    /// An ENI; numbers are dense from 0 and stay valid over all models of a timeline.
    EniId
}
id! {
    /// A rule of a security group or an entry of a network ACL, in one direction; dense from 0.
    RuleId
}
id! {
    /// An allowance scope: an ENI or an instance (S7.8); dense from 0.
    ScopeId
}

/// The names behind the numbers. One registry serves all models of a timeline, so that numbers stay valid from
/// one generation to the next.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    enis: Names<()>,
    rules: Names<Direction>,
    scopes: Names<()>,
}

impl Registry {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// The ENI's id; empty for a number that was never given out.
    pub fn eni_name(&self, id: EniId) -> &str {
        self.enis.name(id.0)
    }

    /// The rule's name as records give it. Ingress and egress entry 100 of one ACL are two rules of one name.
    pub fn rule_name(&self, id: RuleId) -> &str {
        self.rules.name(id.0)
    }

    /// The direction that the rule judges; `None` for a number that was never given out.
    pub fn rule_direction(&self, id: RuleId) -> Option<Direction> {
        self.rules.keys.get(id.index()).map(|(_, direction)| *direction)
    }

    /// The scope's name: an ENI or instance id.
    pub fn scope_name(&self, id: ScopeId) -> &str {
        self.scopes.name(id.0)
    }

    /// How many ENIs all models have together.
    pub fn eni_count(&self) -> usize {
        self.enis.keys.len()
    }

    /// How many rules all models have together.
    pub fn rule_count(&self) -> usize {
        self.rules.keys.len()
    }

    /// How many allowance scopes all models have together.
    pub fn scope_count(&self) -> usize {
        self.scopes.keys.len()
    }

    /// The number of an ENI that some model has.
    pub fn eni_id(&self, name: &str) -> Option<EniId> {
        self.enis.find(name, ()).map(EniId)
    }

    pub(crate) fn intern_eni(&mut self, name: &str) -> EniId {
        EniId(self.enis.intern(name, ()))
    }

    pub(crate) fn intern_rule(&mut self, name: &str, direction: Direction) -> RuleId {
        RuleId(self.rules.intern(name, direction))
    }

    pub(crate) fn intern_scope(&mut self, name: &str) -> ScopeId {
        ScopeId(self.scopes.intern(name, ()))
    }
}

/// Names of one kind, each with what tells equal names apart.
#[derive(Clone, Debug)]
struct Names<K> {
    keys: Vec<(String, K)>,
    numbers: HashMap<(String, K), u32>,
}

impl<K> Default for Names<K> {
    fn default() -> Self {
        Self { keys: Vec::new(), numbers: HashMap::new() }
    }
}

impl<K: Copy + Eq + std::hash::Hash> Names<K> {
    fn name(&self, number: u32) -> &str {
        self.keys.get(number as usize).map_or("", |(name, _)| name)
    }

    fn find(&self, name: &str, kind: K) -> Option<u32> {
        self.numbers.get(&(name.to_owned(), kind)).copied()
    }

    fn intern(&mut self, name: &str, kind: K) -> u32 {
        let next = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        let key = (name.to_owned(), kind);
        *self.numbers.entry(key.clone()).or_insert_with(|| {
            self.keys.push(key);
            next
        })
    }
}
