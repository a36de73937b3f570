"""How good the detector is, one study a module; docs/evaluation.md says how to run each."""
