"""Observers that count and measure. No stage of the pipeline measures itself."""
