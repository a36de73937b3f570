"""Detectors by others, measured beside ours: MesoNet as published, and three designs trained by our recipe."""
