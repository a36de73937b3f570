"""How the detector was made, and how to make another: only pictures of real faces are needed.

The steps, in order: `preparation` (pictures to aligned faces), `dataset` (pseudo-fakes as a call would show
them), `train`, `export`, `release`. `stream_guard.evaluation` says how good it is. Needs the extra ``[train]``.
"""
