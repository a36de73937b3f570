"""How the detector was made, and how to make another: only pictures of real faces are needed.

The steps, in order: `preparation` (pictures to aligned faces), `dataset` (pseudo-fakes as a call would show
them), `train`, `calibrate`, `export`, `evaluate`. Needs the extra ``[train]``.
"""
