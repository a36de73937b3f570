"""Hands that bring frames in."""
