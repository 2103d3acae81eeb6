//! The library façade: captures to verdicts to sinks
