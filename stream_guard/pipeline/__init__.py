"""Glue: tasks and wiring. A frame's way from source to observers."""
