"""Glue: HTTP, WHIP, websockets and the pages."""
