//! All that leaves: verdict records, connections, series, summary
