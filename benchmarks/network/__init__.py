"""What a bad network does to real people's calls."""
