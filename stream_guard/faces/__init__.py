"""Hands that find faces, follow them and cut them out."""
