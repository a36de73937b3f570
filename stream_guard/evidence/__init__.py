"""Pure cues over time: what a face's own past says of its present. No clock, no I/O."""
