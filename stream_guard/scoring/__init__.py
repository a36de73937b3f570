"""Pure deciders: from what was seen on single frames to what is said about a face. No clock, no I/O."""
