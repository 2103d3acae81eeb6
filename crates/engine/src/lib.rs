//! Judges packets: the path through security groups and network ACLs, causality, counters
