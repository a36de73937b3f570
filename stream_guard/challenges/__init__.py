"""A polite script of actions, and what was seen of them. Pure: told what each frame shows, and when."""
