"""The inference backends that come with stream-guard. They know the engine contract and nothing above it."""
