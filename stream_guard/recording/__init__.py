"""What is kept of a recording, when the user asks for it."""
