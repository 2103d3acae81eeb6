//! Bytes to frames: capture formats, compression, merging by time
