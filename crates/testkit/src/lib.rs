//! Packet builders, capture writers, the scenario runner and the slow reference model
