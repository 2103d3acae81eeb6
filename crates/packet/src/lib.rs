//! A frame to facts, or to the cause why not: link layers, tunnels, fragments
