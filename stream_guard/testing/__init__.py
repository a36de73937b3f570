"""Shipped helpers: others test their engines, sources and clients with them."""
