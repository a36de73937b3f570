"""Pure deciders that keep each frame inside its latency budget. No clock, no I/O."""
