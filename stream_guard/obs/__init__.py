"""Setting up OBS Studio for stream-guard: its files while it is closed, or a running one by obs-websocket."""
