//! The network model: loaded, validated, compiled, evaluated without state
