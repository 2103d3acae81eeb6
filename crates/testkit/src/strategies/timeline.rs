//! Later models: the first one, edited (S10.1).

use proptest::prelude::*;
use proptest::sample::select;
use vpcreplay_flow::{Profile, Span, TimeoutName, Timestamp};

use super::models::{drop_doubtful_limits, nacl_entry};
use crate::reference::{Model, NaclEntry, Packet};

/// An edit of a model.
#[derive(Clone, Debug)]
pub enum Edit {
    /// The ENI with this index goes.
    RemoveEni(usize),
    /// The ENI with this index moves to another instance, or to none.
    MoveEni(usize, Option<&'static str>),
    /// The ENI with this index gives its last address to the first one.
    MoveAddress(usize),
    /// A network ACL gets an entry at both directions.
    AddEntry(usize, NaclEntry),
    /// A group loses its rules.
    EmptyGroup(usize),
    /// Another limit.
    Limit(Option<u64>),
    /// Another profile.
    Profile(Profile),
    /// A timeout.
    Timeout(TimeoutName, u64),
}

/// Edits.
pub fn edit() -> impl Strategy<Value = Edit> {
    let eni = || 0_usize..4;
    let instance = select(vec![Some("i-1"), Some("i-2"), Some("i-3"), None]);
    prop_oneof![
        3 => eni().prop_map(Edit::RemoveEni),
        3 => (eni(), instance).prop_map(|(eni, instance)| Edit::MoveEni(eni, instance)),
        1 => eni().prop_map(Edit::MoveAddress),
        2 => (0_usize..2, nacl_entry()).prop_map(|(nacl, entry)| Edit::AddEntry(nacl, entry)),
        2 => (0_usize..3).prop_map(Edit::EmptyGroup),
        2 => prop::option::of(0_u64..3).prop_map(Edit::Limit),
        1 => select(Profile::ALL.to_vec()).prop_map(Edit::Profile),
        1 => (select(TimeoutName::ALL.to_vec()), 1_u64..20).prop_map(|(name, secs)| Edit::Timeout(name, secs)),
    ]
}

/// A later model: which packet's time it is near (taken modulo their number), by how many ns, and its edits.
pub(super) type Change = (prop::sample::Index, i64, Vec<Edit>);

/// Changes at a packet, one nanosecond beside it, or somewhere before it.
pub(super) fn change() -> impl Strategy<Value = Change> {
    let beside = select(vec![-1_000_000_000_i64, -1, 0, 1]);
    (any::<prop::sample::Index>(), beside, prop::collection::vec(edit(), 1..4))
}

/// The later models of a scenario, each an edit of the one given before it.
pub(super) fn later(first: &Model, packets: &[Packet], changes: &[Change]) -> Vec<(Timestamp, Model)> {
    let mut model = first.clone();
    let mut later = Vec::new();
    for (index, beside, edits) in changes {
        for edit in edits {
            edit.apply(&mut model);
        }
        let mut settings = std::mem::take(&mut model.settings);
        drop_doubtful_limits(&mut settings, &mut model.enis);
        model.settings = settings;
        let time = packets[index.index(packets.len())].time.nanos() + beside;
        later.push((Timestamp::from_nanos(time), model.clone()));
    }
    later
}

impl Edit {
    /// Applies the edit; one about an ENI that is gone does nothing.
    fn apply(&self, model: &mut Model) {
        match self {
            Self::RemoveEni(index) if model.enis.len() > 1 && *index < model.enis.len() => {
                model.enis.remove(*index);
            }
            Self::MoveEni(index, instance) => {
                if let Some(eni) = model.enis.get_mut(*index) {
                    eni.instance = instance.map(str::to_owned);
                }
            }
            Self::MoveAddress(index) if *index > 0 => {
                if let Some(address) = model.enis.get_mut(*index).and_then(|eni| eni.addresses.pop()) {
                    model.enis[0].addresses.push(address);
                }
            }
            Self::AddEntry(index, entry) => {
                let nacl = &mut model.nacls[*index];
                for entries in [&mut nacl.ingress, &mut nacl.egress] {
                    entries.retain(|old| old.number != entry.number);
                    entries.push(entry.clone());
                }
            }
            Self::EmptyGroup(index) => {
                model.groups[*index].ingress.clear();
                model.groups[*index].egress.clear();
            }
            Self::Limit(limit) => model.settings.limit = *limit,
            Self::Profile(profile) => model.settings.profile = Some(*profile),
            Self::Timeout(name, secs) => {
                model.settings.timeouts.retain(|(old, _)| old != name);
                model.settings.timeouts.push((*name, Span::from_secs(*secs)));
            }
            Self::RemoveEni(_) | Self::MoveAddress(_) => {}
        }
    }
}
